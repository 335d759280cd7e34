"""Functions for exercises as other people write them: right ones, and wrong ones with the equations to blame."""

# By a title: functions that are right, in other names, orders and styles than the solutions.
RIGHT = {
    "lstm einsum other names": """
def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    tc = np.tanh(c)
    grad_o = np.multiply(dh, tc)
    grad_c = dc_carried + dh * o * (1 - tc * tc)
    H = c.shape[1]
    big = np.empty((len(c), 4 * H))
    big[:, :H] = grad_c * g * i * (1 - i)
    big[:, H:2*H] = grad_c * c_prev * f * (1 - f)
    big[:, 2*H:3*H] = grad_c * i * (1 - g ** 2)
    big[:, 3*H:] = grad_o * o * (1 - o)
    return np.einsum("bk,hk->bh", big, U), grad_c * f, big
""",
    "lstm columns": """
def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    dh, dc_carried, c_prev, i, f, g, o, c = [a.T for a in (dh, dc_carried, c_prev, i, f, g, o, c)]
    do = dh * np.tanh(c)
    dc = dh * o / np.cosh(c)**2 + dc_carried
    dz = np.vstack([dc*g*i*(1-i), dc*c_prev*f*(1-f), dc*i*(1-g**2), do*o*(1-o)])
    dh_prev = U @ dz
    dc_prev = dc * f
    return dh_prev.T, dc_prev.T, dz.T
""",
    "lstm inplace": """
def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    dc = dc_carried.copy()
    dc += dh * o * (1 - np.tanh(c)**2)
    dz = np.concatenate([dc, dc, dc, dh], axis=1)
    dz *= np.hstack([g, c_prev, i, np.tanh(c)])
    dz *= np.hstack([i*(1-i), f*(1-f), 1-g*g, o*(1-o)])
    return [dz @ U.T, dc*f, dz]
""",
    "loop lists": """
def simple_rnn_loop(dy, dh_final, x, h, W, U):
    B, T, D = x.shape
    carried = dh_final
    dzs = []
    for t in range(T - 1, -1, -1):
        dz = (dy[:, t] + carried) * (1 - h[:, t + 1] ** 2)
        carried = dz @ U.T
        dzs.append(dz)
    dz = np.stack(dzs[::-1], axis=1)
    return dz @ W.T, carried, np.einsum('btd,bth->dh', x, dz), np.einsum('btd,bth->dh', h[:, :-1], dz), dz.sum((0, 1))
""",
    "loop per sample": """
def simple_rnn_loop(dy, dh_final, x, h, W, U):
    dx, dW, dU, db = np.zeros(x.shape), 0, 0, 0
    dh_0 = np.zeros(dh_final.shape)
    for b in range(len(x)):
        c = dh_final[b]
        for t in reversed(range(x.shape[1])):
            d = (1 - h[b, t+1]**2) * (dy[b, t] + c)
            dW = dW + np.outer(x[b, t], d)
            dU = dU + np.outer(h[b, t], d)
            db = db + d
            dx[b, t] = W @ d
            c = U @ d
        dh_0[b] = c
    return dx, dh_0, dW, dU, db
""",
    "cross entropy indexing": """
def cross_entropy(logits, y):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    n = len(y)
    loss = -np.log(p[np.arange(n), y]).mean()
    d = p.copy()
    d[np.arange(n), y] -= 1
    return loss, d / n
""",
    "cross entropy loop": """
def cross_entropy(logits, y):
    loss = 0.0
    grad = []
    for row, label in zip(logits, y):
        m = max(row)
        ex = [np.exp(v - m) for v in row]
        s = sum(ex)
        loss -= (row[label] - m - np.log(s)) / len(y)
        grad.append([e / s / len(y) - (k == label) / len(y) for k, e in enumerate(ex)])
    return loss, np.array(grad)
""",
    "truncated windows": """
def truncated_loop(dy, h, U, k):
    B, T, H = dy.shape
    dz = np.zeros_like(dy)
    end = T
    carried = np.zeros((B, H))
    while end > 0:
        start = max(0, end - k)
        carried = np.zeros((B, H))
        for t in range(end - 1, start - 1, -1):
            dz[:, t] = (dy[:, t] + carried) * (1 - h[:, t+1]**2)
            carried = dz[:, t].dot(U.T)
        end = start
    return dz, carried
""",
    "truncated counter": """
def truncated_loop(dy, h, U, k):
    B, T, H = dy.shape
    dz = np.zeros((B, T, H))
    dh_carried = np.zeros((B, H))
    n = 0
    for t in reversed(range(T)):
        if n == k:
            dh_carried[:] = 0
            n = 0
        dh = dy[:, t] + dh_carried
        dz[:, t] = dh * (1 - h[:, t+1]**2)
        dh_carried = dz[:, t] @ U.T
        n += 1
    return dz, dh_carried
""",
    "clip if": """
def clip_by_global_norm(gradients, c):
    total = 0
    for g in gradients:
        total += np.sum(np.square(g))
    norm = total ** 0.5
    if norm <= c:
        return [g.copy() for g in gradients]
    return [g * c / norm for g in gradients]
""",
    "clip concat tuple": """
def clip_by_global_norm(gradients, c):
    n = np.linalg.norm(np.concatenate([g.ravel() for g in gradients]))
    return tuple(g / max(1.0, n / c) for g in gradients)
""",
    "gradcheck complex": """
def gradient_check(f, x, gradient, h=1e-5, tolerance=1e-5, floor=1e-3):
    numeric = np.empty_like(x)
    for i in range(x.size):
        z = x.astype(complex)
        z.flat[i] += 1e-200j
        numeric.flat[i] = f(z).imag / 1e-200
    err = np.abs(gradient - numeric) / np.maximum.reduce([np.abs(gradient), np.abs(numeric), np.full(x.shape, floor)])
    worst = err.max() if not np.isnan(err).any() else np.inf
    return numeric, worst, worst <= tolerance
""",
    "gradcheck in place restored": """
def gradient_check(f, x, gradient, h=1e-5, tolerance=1e-5, floor=1e-3):
    numeric = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        old = x[index]
        x[index] = old + h
        fp = f(x)
        x[index] = old - h
        fm = f(x)
        x[index] = old
        numeric[index] = (fp - fm) / 2 / h
    size = np.maximum(np.abs(numeric), np.abs(gradient))
    size[size < floor] = floor
    error = np.max(np.abs(numeric - gradient) / size)
    passed = not (error > tolerance or np.isnan(error))
    return numeric, error, passed
""",
    "gru one line": """
def gru_step_backward(dh, h_prev, u, r, g, p, U_u, U_r, U_g):
    dz_g = dh * (1 - u) * (1 - g * g)
    dp = r * dz_g
    dz_r = p * dz_g * r * (1 - r)
    dz_u = (h_prev - g) * dh * u * (1 - u)
    dh_prev = dh * u + dp @ U_g.T + dz_u @ U_u.T + dz_r @ U_r.T  # (G8) (G12) (G17)
    return dh_prev, dz_u, dz_r, dz_g, dp
""",
    "one unit loop": """
def one_unit(x_1, x_2, x_3, h_0, w, u):
    xs = [x_1, x_2, x_3]
    hs = [h_0]
    for x in xs:
        hs.append(np.tanh(w * x + u * hs[-1]))
    du = dw = 0
    dh = 1
    for t in (2, 1, 0):
        d = dh * (1 - hs[t + 1] ** 2)
        du += d * hs[t]
        dw += d * xs[t]
        dh = d * u
    return hs[-1], du, dw
""",
    "one unit math": """
import math
def one_unit(x_1, x_2, x_3, h_0, w, u):
    # mine
    h1 = math.tanh(w*x_1+u*h_0); h2 = math.tanh(w*x_2+u*h1); h3 = math.tanh(w*x_3+u*h2)
    d3 = 1-h3*h3; d2 = d3*u*(1-h2*h2); d1 = d2*u*(1-h1*h1)
    return h3, d3*h2+d2*h1+d1*h_0, d3*x_3+d2*x_2+d1*x_1
""",
    "rnn step": """
def simple_rnn_step(x_t, h_prev, W, U, b):
    z = np.hstack([x_t, h_prev]) @ np.vstack([W, U])
    z += b
    return np.tanh(z, out=z)
""",
    "rnn back": """
def simple_rnn_step_backward(dh, x_t, h_prev, h, W, U):
    dz = (1 - h) * (1 + h) * dh
    return np.dot(dz, W.T), np.dot(dz, U.T), np.dot(x_t.T, dz), np.dot(h_prev.T, dz), np.sum(dz, 0)
""",
    "own": """
def own_cell(dh, h_prev, f, g, U_f, U_g):
    def d_tanh(y): return 1 - y ** 2
    dz_g = d_tanh(g) * f * dh
    dm = dz_g.dot(U_g.T)
    df = dh * g
    df -= dh * h_prev
    df += dm * h_prev
    dz_f = df * (f - f ** 2)
    return dh - dh * f + dm * f + dz_f.dot(U_f.T), dz_f, dz_g
""",
    "gru paper": """
def gru_reset_before_backward(dh, h_prev, u, r, g, U_u, U_r, U_g):
    dh_prev = u * dh
    dz_g = (1 - u) * dh * (1 - g**2)
    dm = np.matmul(dz_g, U_g.T)
    dh_prev = dh_prev + r * dm
    dz_r = h_prev * dm * r * (1 - r)
    dz_u = dh * (h_prev - g) * u * (1 - u)
    dh_prev = dh_prev + np.concatenate([dz_u, dz_r], 1) @ np.concatenate([U_u, U_r], 1).T
    return dh_prev, dz_u, dz_r, dz_g
""",
}

# A title, a wrong function, and the numbers of the equations that are wrong in it.
WRONG = [
    (
        "l9 l13",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * c
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L13", "L9"],
    ),
    (
        "l8 tanh",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c)) + dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L8"],
    ),
    (
        "l8 h",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - (o * np.tanh(c))**2) + dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L8"],
    ),
    (
        "l8 mult do",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = do * o * (1 - np.tanh(c)**2) + dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L8"],
    ),
    (
        "l8 twice carried",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c)**2) + 2 * dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L8"],
    ),
    (
        "l12 plus",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f + dc_carried
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L12"],
    ),
    (
        "l13 swapped",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = df * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L13"],
    ),
    (
        "l14 sigmoid+l7",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * o
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * g * (1-g)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L14", "L7"],
    ),
    (
        "l15 dc",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T + dh
    return dh_prev, dc_prev, dz
""",
        ["L15"],
    ),
    (
        "l15 mean",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T / 4
    return dh_prev, dc_prev, dz
""",
        ["L15"],
    ),
    (
        "weird l9",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * np.sin(c_prev) * 3
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L9"],
    ),
    (
        "weird two",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * np.sin(c_prev) * 3
    di = dc * g
    dg = np.cos(dc)
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L11", "L9"],
    ),
    (
        "lstm other names",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):

    th = np.tanh(c)
    gc = dh * o * (1 - th**2) + dc_carried
    zi = gc * g * i * (1 - i)
    zf = gc * c * f * (1 - f)
    zg = gc * i * (1 - g**2)
    zo = dh * th * o * (1 - o)
    dz = np.concatenate((zi, zf, zg, zo), axis=1)
    return dz @ U.T, gc * f, dz
""",
        ["L9"],
    ),
    (
        "lstm other names no carried",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):

    th = np.tanh(c)
    gc = dh * o * (1 - th**2)
    zi = gc * g * i * (1 - i)
    zf = gc * c_prev * f * (1 - f)
    zg = gc * i * (1 - g**2)
    zo = dh * th * o * (1 - o)
    dz = np.concatenate((zi, zf, zg, zo), axis=1)
    return dz @ U.T, gc * f, dz
""",
        ["L8"],
    ),
    (
        "lstm other names two",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):

    th = np.tanh(c)
    gc = dh * o * (1 - c**2) + dc_carried
    zi = gc * g * i
    zf = gc * c_prev * f * (1 - f)
    zg = gc * i * (1 - g**2)
    zo = dh * th * o * (1 - o)
    dz = np.concatenate((zi, zf, zg, zo), axis=1)
    return dz @ U.T, gc * f, dz
""",
        ["L13", "L8"],
    ),
    (
        "lstm order",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):

    dc = dh * o * (1 - np.tanh(c)**2) + dc_carried
    d_o = dh * np.tanh(c)
    dz = np.hstack([dc*g*i*(1-i), dc*c_prev*f*(1-f), d_o*o*(1-o), dc*i*(1-g**2)])
    return dz @ U.T, dc * f, dz
""",
        [],
    ),
    (
        "lstm returns order",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):

    dc = dh * o * (1 - np.tanh(c)**2) + dc_carried
    d_o = dh * np.tanh(c)
    dz = np.hstack([dc*g*i*(1-i), dc*c_prev*f*(1-f), dc*i*(1-g**2), d_o*o*(1-o)])
    return dc * f, dz @ U.T, dz
""",
        ["L15"],
    ),
    (
        "lstm U not T",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U
    return dh_prev, dc_prev, dz
""",
        ["L15"],
    ),
    (
        "lstm shape",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = (df * f * (1 - f)).sum(axis=0)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L13"],
    ),
    (
        "lstm float32",
        """def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    do = dh * np.tanh(c)
    dc = (dh * o * (1 - np.tanh(c) ** 2) + dc_carried).astype(np.float32)
    df = dc * c_prev
    di = dc * g
    dg = dc * i
    dc_prev = dc * f
    dz_i = di * i * (1 - i)
    dz_f = df * f * (1 - f)
    dz_o = do * o * (1 - o)
    dz_g = dg * (1 - g**2)
    dz = np.hstack([dz_i, dz_f, dz_g, dz_o])
    dh_prev = dz @ U.T
    return dh_prev, dc_prev, dz
""",
        ["L8"],
    ),
    (
        "gru total",
        """
def gru_step_backward(dh, h_prev, u, r, g, p, U_u, U_r, U_g):
    du = dh * (h_prev - g)
    dg = dh * (1 - u)
    dz_g = dg * (1 - g ** 2)
    dr = dz_g * p
    dp = dz_g * r
    dz_u = du * u * (1 - u)
    dz_r = dr * r * (1 - r)
    dh_prev = dp @ U_g.T + dz_u @ U_u.T + dz_r @ U_r.T
    return dh_prev, dz_u, dz_r, dz_g, dp
""",
        ["G8"],
    ),
    (
        "gru total 2",
        """
def gru_step_backward(dh, h_prev, u, r, g, p, U_u, U_r, U_g):
    du = dh * (h_prev + g)
    dg = dh * (1 - u)
    dz_g = dg * (1 - g ** 2)
    dr = dz_g * p
    dp = dz_g * r
    dz_u = du * u * (1 - u)
    dz_r = dr * r * (1 - r)
    dh_prev = dh * u + dz_g @ U_g.T + dz_u @ U_u.T + dz_r @ U_r.T
    return dh_prev, dz_u, dz_r, dz_g, dp
""",
        ["G12", "G6"],
    ),
    (
        "gru swapped",
        """
def gru_step_backward(dh, h_prev, u, r, g, p, U_u, U_r, U_g):
    du = dh * (h_prev - g)  # (G6)
    dg = dh * u  # (G7)
    dh_prev = dh * (1 - u)  # (G8)
    dz_g = dg * (1 - g ** 2)  # (G9)
    dr = dz_g * p  # (G10)
    dp = dz_g * r  # (G11)
    dh_prev += dp @ U_g.T  # (G12)
    dz_u = du * u * (1 - u)  # (G16)
    dz_r = dr * r * (1 - r)  # (G16)
    dh_prev += dz_u @ U_u.T  # (G17)
    dh_prev += dz_r @ U_r.T  # (G17)
    return dh_prev, dz_u, dz_r, dz_g, dp
""",
        ["G7", "G8"],
    ),
    (
        "gru split wrong",
        """
def gru_step_backward(dh, h_prev, u, r, g, p, U_u, U_r, U_g):
    du = dh * (h_prev - g)  # (G6)
    dg = dh * (1 - u)  # (G7)
    dh_prev = dh * u  # (G8)
    dz_g = dg * (1 - g ** 2)  # (G9)
    dr = dz_g * p  # (G10)
    dp = dz_g * r  # (G11)
    dh_prev += dp @ U_g.T  # (G12)
    dz_u = du * u * (1 - u)  # (G16)
    dz_r = dr * r * (1 - r)  # (G16)
    dh_prev += dz_u @ U_u  # (G17)
    dh_prev += dz_r @ U_r  # (G17)
    return dh_prev, dz_u, dz_r, dz_g, dp
""",
        ["G17"],
    ),
    (
        "gru paper r on p",
        """
def gru_reset_before_backward(dh, h_prev, u, r, g, U_u, U_r, U_g):
    dh_prev = u * dh
    dg = (1 - u) * dh
    dz_g = dg * (1 - g**2)
    dm = dz_g @ U_g.T
    dh_prev += r * dm
    dr = h_prev * dz_g
    dz_r = dr * r * (1 - r)
    du = dh * (h_prev - g)
    dz_u = du * u * (1 - u)
    dh_prev += dz_u @ U_u.T + dz_r @ U_r.T
    return dh_prev, dz_u, dz_r, dz_g
""",
        ["G14"],
    ),
    (
        "gru paper merged",
        """
def gru_reset_before_backward(dh, h_prev, u, r, g, U_u, U_r, U_g):
    dz_g = (1 - u) * dh * (1 - g**2)
    dm = dz_g @ U_g.T
    dz_r = h_prev * dm * r * (1 - r)
    dz_u = dh * (g - h_prev) * u * (1 - u)
    return u * dh + dm + dz_u @ U_u.T + dz_r @ U_r.T, dz_u, dz_r, dz_g
""",
        ["G15", "G6"],
    ),
    (
        "loop no accumulate dx",
        """
def simple_rnn_loop(dy, dh_final, x, h, W, U):
    T = x.shape[1]
    dx = np.zeros_like(x); dW = np.zeros_like(W); dU = np.zeros_like(U); db = np.zeros(U.shape[1])
    dh_carried = np.zeros_like(dh_final)
    for t in range(T - 1, -1, -1):
        dh = dy[:, t] + dh_carried
        dz = dh * (1 - h[:, t] ** 2)
        dW += x[:, t].T @ dz
        dU += h[:, t].T @ dz
        db += dz.mean(0)
        dx[:, t] = dz @ W.T
        dh_carried = dz @ U.T
    return dx, dh_carried, dW, dU, db
""",
        ["S2", "T2", "T3"],
    ),
    (
        "loop vectorised wrong U",
        """
def simple_rnn_loop(dy, dh_final, x, h, W, U):
    B, T, D = x.shape
    carried = dh_final
    dzs = np.zeros_like(dy)
    for t in range(T - 1, -1, -1):
        dzs[:, t] = (dy[:, t] + carried) * (1 - h[:, t + 1] ** 2)
        carried = dzs[:, t] @ U
    dx = dzs @ W.T
    dW = np.einsum("btd,bth->dh", x, dzs)
    dU = np.einsum("btd,bth->dh", h[:, :-1], dzs)
    return dx, carried, dW, dU, dzs.sum((0, 1))
""",
        ["T5"],
    ),
    (
        "loop vectorised wrong dU",
        """
def simple_rnn_loop(dy, dh_final, x, h, W, U):
    B, T, D = x.shape
    carried = dh_final
    dzs = np.zeros_like(dy)
    for t in range(T - 1, -1, -1):
        dzs[:, t] = (dy[:, t] + carried) * (1 - h[:, t + 1] ** 2)
        carried = dzs[:, t] @ U.T
    dx = dzs @ W.T
    dW = np.einsum("btd,bth->dh", x, dzs)
    dU = np.einsum("btd,bth->dh", h[:, 1:], dzs)
    return dx, carried, dW, dU, dzs.sum((0, 1))
""",
        ["T3"],
    ),
    (
        "loop forwards+drop",
        """
def simple_rnn_loop(dy, dh_final, x, h, W, U):
    T = x.shape[1]
    dx = np.zeros_like(x)
    dW = np.zeros_like(W)
    dU = np.zeros_like(U)
    db = np.zeros(U.shape[1])
    dh_carried = dh_final  # (T2)
    for t in reversed(range(T)):
        dh = dy[:, t] + dh_carried  # (T2)
        dz = dh * (1 - h[:, t + 1] ** 2)  # (S2)
        dW += x[:, t].T @ dz  # (T3)
        dU += h[:, t].T @ dz  # (T3)
        db += dz.sum(axis=0)  # (T3)
        dx[:, t] = dz @ W.T  # (T4)
    dh_0 = dh_carried  # (T5)
    return dx, dh_0, dW, dU, db
""",
        ["T5"],
    ),
    (
        "loop dy overwritten",
        """
def simple_rnn_loop(dy, dh_final, x, h, W, U):
    T = x.shape[1]
    dx = np.zeros_like(x); dW = np.zeros_like(W); dU = np.zeros_like(U); db = np.zeros(U.shape[1])
    dy[:, -1] += dh_final
    for t in reversed(range(T)):
        dz = dy[:, t] * (1 - h[:, t + 1] ** 2)
        dW += x[:, t].T @ dz; dU += h[:, t].T @ dz; db += dz.sum(0)
        dx[:, t] = dz @ W.T
        dh_0 = dz @ U.T
        if t: dy[:, t - 1] += dh_0
    return dx, dh_0, dW, dU, db
""",
        [],
    ),
    (
        "loop acc",
        """
ACC = {}
def simple_rnn_loop(dy, dh_final, x, h, W, U):
    T = x.shape[1]
    dx = np.zeros_like(x)
    dW = ACC.setdefault(("W", W.shape), np.zeros_like(W)); dU = np.zeros_like(U); db = np.zeros(U.shape[1])
    dh_carried = dh_final
    for t in reversed(range(T)):
        dh = dy[:, t] + dh_carried
        dz = dh * (1 - h[:, t + 1] ** 2)
        dW += x[:, t].T @ dz; dU += h[:, t].T @ dz; db += dz.sum(0)
        dx[:, t] = dz @ W.T
        dh_carried = dz @ U.T
    return dx, dh_carried, dW, dU, db
""",
        [],
    ),
    (
        "trunc if",
        """
def truncated_loop(dy, h, U, k):
    B, T, H = dy.shape
    dz = np.zeros((B, T, H))
    dh_carried = np.zeros((B, H))
    for t in reversed(range(T)):
        dh = dy[:, t] + dh_carried  # (T2)
        dz[:, t] = dh * (1 - h[:, t + 1] ** 2)  # (S2)
        dh_carried = dz[:, t] @ U.T  # (T5)
        if t % k == 0:  # (K1)
            dh_carried = np.zeros((B, H))
    return dz, dh_carried
""",
        ["K1"],
    ),
    (
        "trunc counter k+1",
        """
def truncated_loop(dy, h, U, k):
    B, T, H = dy.shape
    dz = np.zeros((B, T, H))
    dh_carried = np.zeros((B, H))
    n = 0
    for t in reversed(range(T)):
        if n > k:
            dh_carried[:] = 0
            n = 0
        dh = dy[:, t] + dh_carried
        dz[:, t] = dh * (1 - h[:, t+1]**2)
        dh_carried = dz[:, t] @ U.T
        n += 1
    return dz, dh_carried
""",
        ["K1"],
    ),
    (
        "trunc border no t>0 + S2",
        """
def truncated_loop(dy, h, U, k):
    B, T, H = dy.shape
    dz = np.zeros((B, T, H))
    dh_carried = np.zeros((B, H))
    for t in reversed(range(T)):
        dh = dy[:, t] + dh_carried  # (T2)
        dz[:, t] = dh * (1 - h[:, t] ** 2)  # (S2)
        dh_carried = dz[:, t] @ U.T  # (T5)
        border = (T - t) % k == 0  # (K1)
        if border:
            dh_carried = np.zeros((B, H))
    dh_0 = dh_carried
    return dz, dh_0
""",
        ["K1", "S2"],
    ),
    (
        "trunc window",
        """
def truncated_loop(dy, h, U, k):
    B, T, H = dy.shape
    dz = np.zeros_like(dy)
    for start in range(0, T, k):
        carried = np.zeros((B, H))
        for t in reversed(range(start, min(start + k, T))):
            dz[:, t] = (dy[:, t] + carried) * (1 - h[:, t+1]**2)
            carried = dz[:, t] @ U.T
        if start == 0: first = carried
    return dz, first
""",
        ["K1"],
    ),
    (
        "ce no 1/B and loss sum",
        """
def cross_entropy(logits, y):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).sum()
    dlogits = p
    dlogits[np.arange(len(y)), y] -= 1
    return loss, dlogits
""",
        ["C1", "C2"],
    ),
    (
        "ce no shift",
        """
def cross_entropy(logits, y):
    e = np.exp(logits)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    dlogits = p
    dlogits[np.arange(len(y)), y] -= 1
    return loss, dlogits / len(y)
""",
        ["C1"],
    ),
    (
        "ce div K",
        """
def cross_entropy(logits, y):
    B, K = logits.shape
    one_hot = np.eye(K)[y]
    shifted = logits - logits.max(axis=1, keepdims=True)  # (C1)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (C1)
    loss = -np.mean(one_hot * log_p)  # (C1)
    dlogits = (np.exp(log_p) - one_hot) / K  # (C2)
    return loss, dlogits
""",
        ["C1", "C2"],
    ),
    (
        "ce shift global",
        """
def cross_entropy(logits, y):
    B, K = logits.shape
    one_hot = np.eye(K)[y]
    shifted = logits - logits.max(axis=1, keepdims=True)  # (C1)
    log_p = shifted - np.log(np.exp(logits).sum(axis=1, keepdims=True))  # (C1)
    loss = -(one_hot * log_p).sum() / B  # (C1)
    dlogits = (np.exp(log_p) - one_hot) / B  # (C2)
    return loss, dlogits
""",
        ["C1"],
    ),
    (
        "clip value",
        """
def clip_by_global_norm(gradients, c):
    return [np.clip(g, -c, c) for g in gradients]
""",
        ["V2"],
    ),
    (
        "clip norm no sqrt loop",
        """
def clip_by_global_norm(gradients, c):
    norm = 0
    for g in gradients:
        norm += (g ** 2).sum()
    if norm > c:
        return [g * c / norm for g in gradients]
    return gradients
""",
        ["V1"],
    ),
    (
        "clip always",
        """
def clip_by_global_norm(gradients, c):
    norm = np.sqrt(sum(np.sum(g ** 2) for g in gradients))
    return [g * (c / norm) for g in gradients]
""",
        ["V2"],
    ),
    (
        "clip eps",
        """
def clip_by_global_norm(gradients, c):
    norm = np.sqrt(sum((g**2).sum() for g in gradients))  # (V1)
    factor = min(1, c / (norm + 1e-3))  # (V2)
    clipped = [factor * g for g in gradients]  # (V2)
    return clipped
""",
        ["V2"],
    ),
    (
        "clip if less",
        """
def clip_by_global_norm(gradients, c):
    norm = np.sqrt(sum(np.sum(g ** 2) for g in gradients))
    if norm < c:
        return [g * (c / norm) for g in gradients]
    return gradients
""",
        ["V2"],
    ),
    (
        "gc forward",
        """
def gradient_check(f, x, gradient, h=1e-5, tolerance=1e-5, floor=1e-3):
    numeric = np.zeros(x.shape)
    base = f(x)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += h
        numeric[index] = (f(moved) - base) / h
    size = np.maximum(np.maximum(abs(gradient), abs(numeric)), floor)
    error = (abs(gradient - numeric) / size).max()
    return numeric, error, error <= tolerance
""",
        ["N1"],
    ),
    (
        "gc nan",
        """
def gradient_check(f, x, gradient, h=1e-5, tolerance=1e-5, floor=1e-3):
    numeric = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] = x[index] + h
        above = f(moved)
        moved[index] = x[index] - h
        below = f(moved)
        numeric[index] = (above - below) / (2 * h)
    size = np.maximum(np.maximum(abs(gradient), abs(numeric)), floor)
    error = (abs(gradient - numeric) / size).max()
    passed = True
    if error > tolerance:
        passed = False
    return numeric, error, passed
""",
        ["N3"],
    ),
    (
        "gc x moved",
        """
def gradient_check(f, x, gradient, h=1e-5, tolerance=1e-5, floor=1e-3):
    numeric = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += h
        above = f(x)
        x[index] -= 2 * h
        below = f(x)
        numeric[index] = (above - below) / (2 * h)
    size = np.maximum(np.maximum(abs(gradient), abs(numeric)), floor)
    error = (abs(gradient - numeric) / size).max()
    passed = bool(error <= tolerance)
    return numeric, error, passed
""",
        ["N1"],
    ),
    (
        "gc norm",
        """
def gradient_check(f, x, gradient, h=1e-5, tolerance=1e-5, floor=1e-3):
    numeric = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] = x[index] + h
        above = f(moved)
        moved[index] = x[index] - h
        below = f(moved)
        numeric[index] = (above - below) / (2 * h)  # (N1)
    size = np.linalg.norm(gradient) + np.linalg.norm(numeric)
    error = np.linalg.norm(gradient - numeric) / size
    passed = bool(error <= tolerance)  # (N3)
    return numeric, error, passed
""",
        ["N3"],
    ),
    (
        "gc sum floor",
        """
def gradient_check(f, x, gradient, h=1e-5, tolerance=1e-5, floor=1e-3):
    numeric = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] = x[index] + h
        above = f(moved)
        moved[index] = x[index] - h
        below = f(moved)
        numeric[index] = (above - below) / (2 * h)  # (N1)
    size = np.maximum(abs(gradient), abs(numeric)) + floor
    error = (abs(gradient - numeric) / size).max()
    passed = bool(error <= tolerance)  # (N3)
    return numeric, error, passed
""",
        ["N3"],
    ),
    (
        "ou other",
        """
def one_unit(x_1, x_2, x_3, h_0, w, u):
    h1 = np.tanh(w*x_1+u*h_0); h2 = np.tanh(w*x_2+u*h1); h3 = np.tanh(w*x_3+u*h2)
    d3 = 1-h3*h3; d2 = d3*u*(1-h2*h2); d1 = d2*u*(1-h1*h1)
    return h3, d3*h3+d2*h2+d1*h1, d3*x_3+d2*x_2+d1*x_1
""",
        ["U5"],
    ),
    (
        "ou other2",
        """
def one_unit(x_1, x_2, x_3, h_0, w, u):
    h1 = np.tanh(w*x_1+u*h_0); h2 = np.tanh(w*x_2+u*h1); h3 = np.tanh(w*x_3+u*h2)
    d3 = 1-h3*h3; d2 = d3*w*(1-h2*h2); d1 = d2*w*(1-h1*h1)
    return h3, d3*h2+d2*h1+d1*h_0, d3*x_3+d2*x_2+d1*x_1
""",
        ["U3", "U4"],
    ),
    (
        "ou same delta",
        """
def one_unit(x_1, x_2, x_3, h_0, w, u):
    h_1 = np.tanh(w * x_1 + u * h_0)  # (U1)
    h_2 = np.tanh(w * x_2 + u * h_1)  # (U1)
    h_3 = np.tanh(w * x_3 + u * h_2)  # (U1)
    delta_3 = h_3 * (1 - h_3**2)  # (U2)
    delta_2 = (1 - h_2**2) * u * delta_3  # (U3)
    delta_1 = (1 - h_1**2) * u * delta_3  # (U4)
    du = delta_3 * h_2 + delta_2 * h_1 + delta_1 * h_0  # (U5)
    dw = delta_3 * x_3 + delta_2 * x_2 + delta_1 * x_1  # (U6)
    return h_3, du, dw
""",
        ["U2", "U4"],
    ),
    (
        "ou forward",
        """
def one_unit(x_1, x_2, x_3, h_0, w, u):
    h_1 = np.tanh(w * x_1 + u * h_0)  # (U1)
    h_2 = np.tanh(w * x_2 + u * h_0)  # (U1)
    h_3 = np.tanh(w * x_3 + u * h_2)  # (U1)
    delta_3 = (1 - h_3**2)  # (U2)
    delta_2 = (1 - h_2**2) * u * delta_3  # (U3)
    delta_1 = (1 - h_1**2) * u * delta_2  # (U4)
    du = delta_3 * h_2 + delta_2 * h_1 + delta_1 * h_0  # (U5)
    dw = delta_3 * x_3 + delta_2 * x_2 + delta_1 * x_1  # (U6)
    return h_3, du, dw
""",
        ["U1"],
    ),
    (
        "rnn step 2",
        """
def simple_rnn_step(x_t, h_prev, W, U, b):
    return np.tanh(x_t @ W + h_prev @ U.T + b)
""",
        ["T1"],
    ),
    (
        "rnn step relu",
        """
def simple_rnn_step(x_t, h_prev, W, U, b):
    z = x_t @ W + h_prev @ U + b
    h = np.maximum(z, 0)
    return h
""",
        ["S1"],
    ),
    (
        "rnn step W.T",
        """
def simple_rnn_step(x_t, h_prev, W, U, b):
    z = W.T @ x_t + U.T @ h_prev + b
    h = np.tanh(z)
    return h
""",
        ["T1"],
    ),
    (
        "rnn step tanh terms",
        """
def simple_rnn_step(x_t, h_prev, W, U, b):
    z = x_t @ W + np.tanh(h_prev @ U) + b  # (T1)
    h = np.tanh(z)
    return h
""",
        ["T1"],
    ),
    (
        "rnn back merged",
        """
def simple_rnn_step_backward(dh, x_t, h_prev, h, W, U):
    dz = (1 - h**2) * dh
    return dz @ W.T, dz @ U, x_t.T @ dz / len(x_t), h_prev.T @ dz, dz.sum(0)
""",
        ["T3", "T5"],
    ),
    (
        "rnn back dz2",
        """
def simple_rnn_step_backward(dh, x_t, h_prev, h, W, U):
    delta = (1 - np.tanh(h)**2) * dh
    return delta @ W.T, delta @ U.T, x_t.T @ delta, h_prev.T @ delta, delta.sum(0)
""",
        ["S2"],
    ),
    (
        "rnn back db keepdims",
        """
def simple_rnn_step_backward(dh, x_t, h_prev, h, W, U):
    dz = (1 - h**2) * dh
    dx_t = dz @ W.T; dh_prev = dz @ U.T; dW = x_t.T @ dz; dU = h_prev.T @ dz
    db = dz.sum(0, keepdims=True)
    return dx_t, dh_prev, dW, dU, db
""",
        ["T3"],
    ),
    (
        "rnn back db missing sum",
        """
def simple_rnn_step_backward(dh, x_t, h_prev, h, W, U):
    dz = (1 - h**2) * dh
    dx_t = dz @ W.T; dh_prev = dz @ U.T; dW = x_t.T @ dz; dU = h_prev.T @ dz
    db = dz
    return dx_t, dh_prev, dW, dU, db
""",
        ["T3"],
    ),
    (
        "own 1",
        """
def own_cell(dh, h_prev, f, g, U_f, U_g):
    dg = f * dh
    dz_g = (1 - g ** 2) * dg
    dm = dz_g @ U_g.T
    df = dh * (g - h_prev)
    dz_f = df * f * (1 - f)
    dh_prev = dh * (1 - f) + dz_f @ U_f.T
    return dh_prev, dz_f, dz_g
""",
        ["X10", "X8"],
    ),
    (
        "own 2",
        """
def own_cell(dh, h_prev, f, g, U_f, U_g):
    dz_g = (1 - g ** 2) * f * dh
    d_reset = dz_g @ U_g.T
    dz_f = (dh * (g + h_prev) + d_reset * h_prev) * f * (1 - f)
    return dh * (1 - f) + d_reset * f + dz_f @ U_f.T, dz_f, dz_g
""",
        ["X8"],
    ),
    (
        "carried gradient too late for the gates",
        """
def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    s = np.tanh(c)
    cell = dh * o * (1 - s**2)
    parts = [cell * g * i * (1 - i), cell * c_prev * f * (1 - f), cell * i * (1 - g**2), dh * s * o * (1 - o)]
    cell = cell + dc_carried
    dz = np.hstack(parts)
    return dz @ U.T, cell * f, dz
""",
        ["L8"],
    ),
    (
        "accumulator with blocks cut wrongly",
        """
def lstm_step_backward(dh, dc_carried, c_prev, i, f, g, o, c, U):
    dc = dh * o * (1 - np.tanh(c) ** 2) + dc_carried
    H = len(U)
    blocks = [dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh * np.tanh(c) * o * (1 - o)]
    dh_prev = np.zeros(dh.shape)
    for k, block in enumerate(blocks):
        dh_prev += block @ U[:, k::4].T
    return dh_prev, dc * f, np.hstack(blocks)
""",
        ["L15"],
    ),
    (
        "one array under two names",
        """
def gru_step_backward(dh, h_prev, u, r, g, p, U_u, U_r, U_g):
    dz_g = dh * (1 - u) * (1 - g**2)
    dz_r = dz_g * p * r * (1 - r)
    dz_u = dh * (h_prev - g) * u * (1 - u)
    dp = dz_g
    dp *= r
    return dh * u + dp @ U_g.T + dz_u @ U_u.T + dz_r @ U_r.T, dz_u, dz_r, dz_g, dp
""",
        ["G11"],
    ),
    (
        "square gradient transposed",
        """
def simple_rnn_step_backward(dh, x_t, h_prev, h, W, U):
    dz = dh * (h**2 - 1)
    return dz @ W.T, dz @ U.T, x_t.T @ dz, dz.T @ h_prev, dz.sum(axis=0)
""",
        ["S2", "T3"],
    ),
    (
        "initial state squashed",
        """
def simple_rnn_loop(dy, dh_final, x, h, W, U):
    dh_carried, dz = dh_final, np.zeros_like(dy)
    for t in range(x.shape[1])[::-1]:
        dz[:, t] = (dy[:, t] + dh_carried) * (1 - h[:, t + 1] ** 2)
        dh_carried = dz[:, t] @ U.T
    dh_0 = dh_carried * (1 - h[:, 0] ** 2)
    dW, dU = np.einsum("btd,bth->dh", x, dz), np.einsum("btg,bth->gh", h[:, :-1], dz)
    return dz @ W.T, dh_0, dW, dU, dz.sum((0, 1))
""",
        ["T5"],
    ),
    (
        "list in reverse order of time",
        """
def simple_rnn_loop(dy, dh_final, x, h, W, U):
    back, found = dh_final, []
    for t in reversed(range(x.shape[1])):
        found.append((dy[:, t] + back) * (1 - h[:, t + 1] ** 2))
        back = found[-1] @ U.T
    D = np.stack(found, axis=1)
    dW, dU = np.einsum("btd,bth->dh", x, D), np.einsum("btg,bth->gh", h[:, :-1], D)
    return D @ W.T, back, dW, dU, D.sum((0, 1))
""",
        ["T3", "T4"],
    ),
    (
        "arrays filled sample by sample",
        """
def gru_reset_before_backward(dh, h_prev, u, r, g, U_u, U_r, U_g):
    dh_prev, dz_u, dz_r, dz_g = np.zeros((4, *dh.shape))
    for k in range(len(dh)):
        dz_g[k] = dh[k] * (1 - u[k]) * (1 - g[k] ** 2)
        dm = U_g @ dz_g[k]
        dz_u[k] = dh[k] * (h_prev[k] - g[k]) * u[k] * (1 - u[k])
        dz_r[k] = dm * r[k] * r[k] * (1 - r[k])
        dh_prev[k] = dh[k] * u[k] + dm * h_prev[k] + U_u @ dz_u[k] + U_r @ dz_r[k]
    return dh_prev, dz_u, dz_r, dz_g
""",
        ["G14", "G15"],
    ),
]
