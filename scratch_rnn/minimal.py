"""An LSTM learns to read digits, with its gradients written out by hand. Run `python -m scratch_rnn.minimal`.

Row t of a digit is the input x_t of timestep t. Dense makes ten scores, the logits, of the last hidden state.
Numbers such as (L5) are equations of docs/bptt.md. A sample is a column there and a row here, as in Keras.

sizes    B digits in a batch, T timesteps (rows), D pixels in a row, H units, K classes
weights  W (D, 4H) meets the input, U (H, 4H) the state h, b (4H,) is the bias; of Dense: V (H, K) and a (K,)
gates    i input, f forget, g candidate, o output, each (B, H), with H columns of W, U and b, in this order
states   h hidden, c cell, each (B, H); h_prev and c_prev are those of the timestep before
z, dz    (B, 4H): what enters sigmoid or tanh, and the gradient of the loss with respect to it; so dh, dW ...
"""

from __future__ import annotations

import numpy as np

from scratch_rnn.data.mnist import load_mnist


def initial_weights(D: int, H: int, K: int, rng: np.random.Generator) -> dict:
    """Return random weights to begin with: W (D, 4H), U (H, 4H), b (4H,), V (H, K), a (K,)."""
    W, V = (rng.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape)) for shape in ((D, 4 * H), (H, K)))  # Glorot's
    U = np.linalg.qr(rng.normal(size=(4 * H, H)))[0].T  # orthonormal rows
    return {"W": W, "U": U, "b": np.repeat([0.0, 1, 0, 0], H), "V": V, "a": np.zeros(K)}  # b_f = 1: remember


def forward(weights: dict, x: np.ndarray) -> tuple[np.ndarray, list]:
    """Return the logits (B, K) of x (B, T, D), and for each timestep a tuple of what `backward` will need."""
    h = c = np.zeros((len(x), len(weights["U"])))  # the states before the first row
    steps = []
    for t in range(x.shape[1]):
        x_t, h_prev, c_prev = x[:, t], h, c
        z = x_t @ weights["W"] + h_prev @ weights["U"] + weights["b"]  # (T1)
        z_i, z_f, z_g, z_o = np.split(z, 4, axis=1)  # (B, H) each
        i, f, o = (1 / (1 + np.exp(-z)) for z in (z_i, z_f, z_o))  # (L1), (L2), (L4): sigmoid
        g = np.tanh(z_g)  # (L3)
        c = f * c_prev + i * g  # (L5): keep some of the old, write some of the new
        h = o * np.tanh(c)  # (L6): show some of it
        steps.append((x_t, h_prev, c_prev, i, f, g, o, c, h))
    return h @ weights["V"] + weights["a"], steps  # (D1)


def cross_entropy(logits: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean loss of the logits (B, K) for the labels y (B,), and its gradient dlogits (B, K)."""
    shifted = logits - logits.real.max(axis=1, keepdims=True)  # at most 0: no overflow; `check`: complex
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # p = softmax(logits)
    one_hot = np.eye(logits.shape[1])[y]  # (B, K): 1 for the right class, 0 for the others
    loss = -(one_hot * log_p).sum() / len(y)  # (C1)
    return loss, (np.exp(log_p) - one_hot) / len(y)  # (C2), over B because the loss is a mean


def backward(weights: dict, steps: list, dlogits: np.ndarray) -> dict:
    """Return the gradients of the weights, by backpropagation through time (BPTT) from dlogits (B, K)."""
    dh_own = dlogits @ weights["V"].T  # (D3)
    dh_carried = dc_carried = np.zeros_like(dh_own)  # no step comes after the last
    dW, dU, db = (np.zeros_like(weights[name]) for name in ("W", "U", "b"))
    for x_t, h_prev, c_prev, i, f, g, o, c, _ in reversed(steps):  # BACKWARDS in time
        # ---- h_t acts on the loss directly (own) and through step t+1 (carried), which therefore has to hand
        # ---- back its part before step t can begin. The two ADD UP: this one addition is all of BPTT.
        dh = dh_own + dh_carried  # (T2)
        do = dh * np.tanh(c)  # (L7)
        dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried  # (L8): c_t, too, acts in two ways
        df = dc * c_prev  # (L9)
        di = dc * g  # (L10)
        dg = dc * i  # (L11)
        dc_carried = dc * f  # (L12): to step t-1
        dz_i, dz_f, dz_o = di * i * (1 - i), df * f * (1 - f), do * o * (1 - o)  # (L13)
        dz_g = dg * (1 - g**2)  # (L14)
        dz = np.hstack([dz_i, dz_f, dz_g, dz_o])  # (B, 4H)
        dW += x_t.T @ dz  # (T3): every step uses the same weights, so here, too, gradients add up
        dU += h_prev.T @ dz  # (T3)
        db += dz.sum(axis=0)  # (T3)
        dh_carried = dz @ weights["U"].T  # (L15): to step t-1
        dh_own = np.zeros_like(dh_own)  # Dense reads the last h alone, no earlier one
    return {"W": dW, "U": dU, "b": db, "V": steps[-1][-1].T @ dlogits, "a": dlogits.sum(axis=0)}  # (D2)


def rmsprop(weights: dict, gradients: dict, mean_squares: dict, rate: float = 0.001) -> None:
    """Move the weights, in place, against their gradients, each entry divided by its usual recent size."""
    for name, gradient in gradients.items():
        mean_squares[name] = 0.9 * mean_squares[name] + 0.1 * gradient**2  # (E7) of docs/optimizers.md
        weights[name] -= rate * gradient / np.sqrt(mean_squares[name] + 1e-7)  # (E8)


def check(weights: dict, x: np.ndarray, y: np.ndarray) -> dict:
    """Return the worst error in each gradient, relative to the entry (1e-3 at least), by the complex step."""
    logits, steps = forward(weights, x)
    worst = {}
    for name, by_hand in backward(weights, steps, cross_entropy(logits, y)[1]).items():
        exact = np.zeros_like(by_hand)
        for index in np.ndindex(exact.shape):
            moved = weights[name].astype(complex)
            moved[index] += 1e-200j  # to the loss, this adds 1e-200j times its derivative
            exact[index] = cross_entropy(forward(weights | {name: moved}, x)[0], y)[0].imag / 1e-200  # (N2)
        worst[name] = (abs(by_hand - exact) / np.maximum(abs(by_hand), abs(exact)).clip(1e-3)).max()  # (N3)
    return worst


def main() -> None:
    """Check the gradients of a tiny LSTM, then train 40 units on 6,000 digits and test them on 1,000."""
    rng = np.random.default_rng(0)
    tiny = {name: rng.normal(0, 0.5, weight.shape) for name, weight in initial_weights(3, 4, 10, rng).items()}
    for name, error in check(tiny, rng.normal(size=(2, 5, 3)), np.array([3, 7])).items():
        print(f"d{name}  worst relative error {error:.0e}  {'rounding' if error < 1e-12 else 'WRONG'}")
    weights = initial_weights(28, 40, 10, rng)
    mean_squares = dict.fromkeys(weights, 0.0)
    (x, y), (x_test, y_test) = load_mnist("sample")
    for epoch in range(8):  # with smaller and smaller steps
        losses = []
        for batch in np.array_split(rng.permutation(len(x)), len(x) // 50):
            logits, steps = forward(weights, x[batch] / 255)
            loss, dlogits = cross_entropy(logits, y[batch])
            rmsprop(weights, backward(weights, steps, dlogits), mean_squares, rate=0.01 * (1 - epoch / 8))
            losses.append(loss)
        right = forward(weights, x_test / 255)[0].argmax(axis=1) == y_test
        print(f"epoch {epoch + 1}  loss {np.mean(losses):.4f}  test accuracy {right.mean():.1%}")


if __name__ == "__main__":
    main()
