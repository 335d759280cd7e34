"""The PyTorch module that corresponds to a scratch_rnn model: same layers, weights, optimizer and loss.

PyTorch keeps two biases where the LSTM and the SimpleRNN have one here and in Keras. Both get the same
gradient, so that together they would learn twice as fast: the second one stays at zero and is not trained.

Random streams differ between the two libraries, so what Dropout leaves out does, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from keras_reference.pytorch_layers import activation_of, module_of, scores_of
from scratch_rnn.arrays import Array
from scratch_rnn.interop import from_pytorch, to_pytorch
from scratch_rnn.layers import Dense
from scratch_rnn.training import losses, optimizers
from scratch_rnn.training.model import Sequential

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class PyTorchTwin(nn.Module):
    """nn.RNN, nn.GRU, nn.LSTM and nn.Linear under the names of a built model's layers, with its weights.

    So its state_dict is that of `interop.to_pytorch`. Like every module it drops out only after `train()`;
    it is made as after `eval()`. Raises ValueError for a layer or an option that PyTorch has no counterpart
    of.
    """

    def __init__(self, model: Sequential) -> None:
        super().__init__()
        self.layers_of_model = model.layers
        weights = to_pytorch(model)
        for layer in model.layers:
            try:
                self.add_module(layer.name, module_of(layer))
            except KeyError as error:  # a dot in it, or what nn.Module calls something of its own
                raise ValueError(f"PyTorch takes no layer with the name {layer.name!r}: {error}") from error
        self.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what enters the activation of the last layer, or its outputs where it is recurrent."""
        *below, last = self.layers_of_model
        for layer in below:
            x = activation_of(layer)(scores_of(layer, self.get_submodule(layer.name), x))
        return scores_of(last, self.get_submodule(last.name), x)

    def ending(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the outputs of the last layer from what `forward` returns."""
        return activation_of(self.layers_of_model[-1])(scores)

    def trained(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that are trained."""
        return (parameter for parameter in self.parameters() if parameter.requires_grad)

    def weights_into(self, model: Sequential) -> None:
        """Copy the weights to a scratch_rnn model of the same layers."""
        from_pytorch(model, {name: value.numpy() for name, value in self.state_dict().items()})


# Losses ------------------------------------------------------------------------------------------------


def loss_of(model: Sequential, twin: PyTorchTwin) -> Loss:
    """Return the mean loss of a batch, of what the twin's `forward` returns and of one-hot rows.

    Raises ValueError for a loss that PyTorch has no counterpart of.
    """
    ours: Any = model.loss
    if type(ours) in _ERRORS:
        return lambda scores, rows: _ERRORS[type(ours)](twin.ending(scores), rows)
    if type(ours) not in _CROSS_ENTROPIES:
        raise ValueError(f"loss {type(ours).__name__} has no counterpart in PyTorch")
    last, of_logits = model.layers[-1], _CROSS_ENTROPIES[type(ours)]
    if type(last) is Dense and losses.joined(ours, last.activation):
        return lambda scores, rows: of_logits(ours, scores, rows)
    if ours.from_logits:
        return lambda scores, rows: of_logits(ours, twin.ending(scores), rows)
    raise ValueError(
        f"PyTorch has no cross-entropy of bare probabilities: end in {ours.joins.name}, or in logits"
    )


def _of_classes(ours: Any, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    smoothing = getattr(ours, "label_smoothing", 0.0)
    return nn.functional.cross_entropy(logits, rows, label_smoothing=smoothing)


def _binary(ours: Any, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    rows = losses.smoothed(rows, ours.label_smoothing, 2)
    return nn.functional.binary_cross_entropy_with_logits(logits, rows)


_ERRORS: dict[type, Loss] = {
    losses.MeanSquaredError: nn.functional.mse_loss,
    losses.MeanAbsoluteError: nn.functional.l1_loss,
}
_CROSS_ENTROPIES = {
    losses.CategoricalCrossentropy: _of_classes,
    losses.SparseCategoricalCrossentropy: _of_classes,
    losses.BinaryCrossentropy: _binary,
}


# Optimizers --------------------------------------------------------------------------------------------


def optimizer_of(ours: optimizers.Optimizer, twin: PyTorchTwin) -> torch.optim.Optimizer:
    """Return PyTorch's optimizer with the same formulas as one of scratch_rnn and Keras.

    Raises ValueError where there is none: for RMSprop and Adagrad, whose ε PyTorch adds behind the root; for
    Nadam, of which it keeps a number in float32; for the clips by norm, where it adds 1e-6 to the norm; for
    SGD with momentum and weight decay, which it lets run through the momentum; and for a learning rate that
    follows a schedule.
    """
    kind = type(ours)
    if ours.use_ema:
        raise ValueError("PyTorch's optimizers keep no average of the weights: leave out use_ema")
    if ours.clipnorm is not None or ours.global_clipnorm is not None:
        raise ValueError("PyTorch adds 1e-6 to the norm by which it clips: leave out clipnorm")
    if ours.schedule is not None:
        raise ValueError("the PyTorch twin follows no schedule: take a constant learning rate")
    if kind in (optimizers.RMSprop, optimizers.Adagrad):
        raise ValueError(
            f"PyTorch's {kind.__name__} adds epsilon behind the root, Keras and scratch_rnn under it: "
            "take adam or sgd (--optimizer adam)"
        )
    if kind is optimizers.Nadam:
        raise ValueError("PyTorch's NAdam keeps the product of its momenta in float32: take adam or sgd")
    if kind not in _OPTIMIZERS:
        raise ValueError(f"optimizer {kind.__name__} has no counterpart in PyTorch")
    return _OPTIMIZERS[kind](ours, twin)


def _sgd(ours: optimizers.SGD, twin: PyTorchTwin) -> torch.optim.Optimizer:
    if ours.weight_decay and ours.momentum:
        raise ValueError("PyTorch's SGD lets weight_decay run through the momentum: leave out one of them")
    return torch.optim.SGD(
        twin.trained(),
        ours.learning_rate,
        momentum=ours.momentum,
        nesterov=ours.nesterov and ours.momentum > 0,
        weight_decay=ours.weight_decay or 0.0,
    )


def _adam(ours: optimizers.Adam, twin: PyTorchTwin) -> torch.optim.Optimizer:
    """Return AdamW, which is Adam with the decay that Keras has.

    It divides by sqrt(v) / sqrt(1 - β₂ᵗ) + ε', Keras by (sqrt(v) + ε) / sqrt(1 - β₂ᵗ): the same for an ε'
    that is set anew before each step.
    """
    betas = ours.beta_1, ours.beta_2
    adam = torch.optim.AdamW(
        twin.trained(), ours.learning_rate, betas, ours.epsilon, weight_decay=ours.weight_decay or 0.0
    )

    def set_epsilon(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        (group,) = optimizer.param_groups
        done = optimizer.state[group["params"][0]].get("step", 0)
        group["eps"] = ours.epsilon / (1 - ours.beta_2 ** (int(done) + 1)) ** 0.5

    adam.register_step_pre_hook(set_epsilon)
    return adam


_OPTIMIZERS: dict[type, Callable[..., torch.optim.Optimizer]] = {
    optimizers.SGD: _sgd,
    optimizers.Adam: _adam,
    optimizers.AdamW: _adam,
}


def clip(ours: optimizers.Optimizer, twin: PyTorchTwin) -> None:
    """Clip the gradients as the optimizer does."""
    if ours.clipvalue is not None:
        nn.utils.clip_grad_value_(twin.trained(), ours.clipvalue)


def tensor(array: Array) -> torch.Tensor:
    """Return a copy of an array as a tensor."""
    return torch.from_numpy(array.copy())
