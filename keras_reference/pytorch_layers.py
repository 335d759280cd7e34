"""The PyTorch module that corresponds to a scratch_rnn layer, and what is computed with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from scratch_rnn.layers import GRU, LSTM, Bidirectional, Dense, Dropout, SimpleRNN, TimeDistributed
from scratch_rnn.layers.base import parts_of

_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": nn.Identity(),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "softmax": nn.Softmax(dim=-1),
}


def module_of(layer: Any) -> nn.Module:
    """Return the PyTorch layer with the same options; raise ValueError where there is none."""
    if type(layer) is Dropout:
        if layer.noise_shape is not None:
            raise ValueError(f"layer {layer.name!r} has a noise_shape, and PyTorch's Dropout has none")
        return nn.Dropout(layer.rate)
    dense = _dense(layer)
    return _recurrent(layer) if dense is None else _linear(dense)


def scores_of(layer: Any, module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return what enters the activation of a Dense; what comes out of another layer."""
    if isinstance(module, (nn.Linear, nn.Dropout)):
        return module(x)
    if isinstance(layer, Bidirectional):
        y, _ = module(x)
        return y if layer.return_sequences else _last_of_both(y)
    y, _ = module(x.flip(1) if layer.go_backwards else x)
    return y if layer.return_sequences else y[:, -1]


def activation_of(layer: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what is left to do with the scores."""
    dense = _dense(layer)
    return nn.Identity() if dense is None else _ACTIVATIONS[dense.activation.name]


def _dense(layer: Any) -> Any:
    """Return a Dense, also one at every timestep, where PyTorch needs no more; None for other layers."""
    inside = layer.layer if isinstance(layer, TimeDistributed) else layer
    return inside if type(inside) is Dense else None


def _linear(layer: Any) -> nn.Module:
    if layer.activation.name not in _ACTIVATIONS:
        raise ValueError(f"PyTorch has no activation {layer.activation.name!r}")
    return nn.Linear(layer.features, layer.units, bias=layer.use_bias, dtype=_dtype(layer))


def _recurrent(layer: Any) -> nn.Module:
    classes: dict[Any, Any] = {SimpleRNN: nn.RNN, GRU: nn.GRU, LSTM: nn.LSTM}
    parts: list[Any] = parts_of(layer)  # one, or the two of Bidirectional, which are alike
    one = parts[0]
    if type(one) not in classes:
        raise ValueError(f"PyTorch has no counterpart of layer {layer.name!r} ({type(layer).__name__})")
    for part in parts:
        _check_training(part)
    options = {"bias": one.use_bias, "batch_first": True, "dtype": _dtype(one)}
    options["bidirectional"] = len(parts) > 1
    if type(one) is SimpleRNN:
        options["nonlinearity"] = one.activation.name
    module: nn.Module = classes[type(one)](one.features, one.units, **options)
    for name, parameter in module.named_parameters():
        if name.startswith("bias_hh") and type(one) is not GRU:
            parameter.requires_grad_(False)
    return module


def _check_training(layer: Any) -> None:
    """Raise ValueError for options of a recurrent layer with which PyTorch does not train, or otherwise."""
    if layer.bptt_steps is not None:
        raise ValueError(f"layer {layer.name!r} has bptt_steps, and PyTorch has none: leave it out")
    if layer.dropout or layer.recurrent_dropout:
        raise ValueError(
            f"layer {layer.name!r} has dropout inside, and PyTorch's is between layers: take Dropout layers"
        )
    if layer.stateful:
        raise ValueError(f"layer {layer.name!r} is stateful, and PyTorch's begins with zeros each time")


def _dtype(layer: Any) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, layer.dtype.name)
    return dtype


def _last_of_both(y: torch.Tensor) -> torch.Tensor:
    """Return the last output of each direction: that of the second stands at the first timestep."""
    forward, backward = y.chunk(2, dim=-1)
    return torch.cat([forward[:, -1], backward[:, 0]], dim=-1)
