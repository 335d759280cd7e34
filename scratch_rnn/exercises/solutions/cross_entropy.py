"""Softmax and cross-entropy, in one.

p = softmax(logits), row by row, and the loss is the mean over the B samples of -log p of the right class.
Differentiate the two in one: the gradient is much simpler than each of its parts. Logits of 1000 must not
overflow, so subtract from each row its largest entry first: that changes no probability.
"""

import numpy as np


def cross_entropy(logits, y):
    """Return the mean loss, one number, and dlogits (B, K).

    logits (B, K): scores, a row for each sample.  y (B,): the right classes, whole numbers from 0 to K - 1.
    """
    B, K = logits.shape
    one_hot = np.eye(K)[y]
    shifted = logits - logits.max(axis=1, keepdims=True)  # (C1)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (C1)
    loss = -(one_hot * log_p).sum() / B  # (C1)
    dlogits = (np.exp(log_p) - one_hot) / B  # (C2)
    return loss, dlogits


HINTS = {
    "C1": (
        "shifted: the logits less the largest of their row. log_p: in (C1) what stands in the brackets.",
        "log p_k = z_k - log sum_j exp(z_j), a sum over the row. The loss: minus log_p of the right class, "
        "averaged over the samples.",
    ),
    "C2": (
        "What was said, less what is right.",
        "p - y with y one-hot; and because the loss is a mean over B samples, divided by B.",
    ),
}

MISTAKES = [
    (
        "not-shifted",
        "softmax without the shift: right numbers, but large logits overflow",
        "shifted = logits  # (C1)",
    ),
    (
        "shifted-by-one-number",
        "the largest entry of all is subtracted, not that of each row: a row far below it underflows",
        "shifted = logits - logits.max()  # (C1)",
    ),
    (
        "logarithm-kept-from-zero",
        "a small number added to p: the loss of a sure and wrong answer stops growing; take log p as it is",
        "log_p = np.log(np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True) + 1e-12)  # (C1)",
    ),
    (
        "logarithm-kept-from-zero",
        "a small number added to p: the loss of a sure and wrong answer stops growing; take log p as it is",
        "loss = -(one_hot * np.log(np.exp(log_p) + 1e-8)).sum() / B  # (C1)",
    ),
    (
        "wrong-axis",
        "the sum runs over the samples in place of the classes",
        "log_p = shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))  # (C1)",
    ),
    ("wrong-sign", "the sign of the loss is wrong", "loss = (one_hot * log_p).sum() / B  # (C1)"),
    (
        "summed-over-the-batch",
        "the sum over the batch stands where the mean belongs",
        "loss = -(one_hot * log_p).sum()  # (C1)",
    ),
    (
        "averaged-over-all",
        "divided by B K: the mean over all entries stands where that over the samples belongs",
        "loss = -(one_hot * log_p).mean()  # (C1)",
    ),
    (
        "batch-forgotten",
        "the 1/B is missing, though the loss is a mean",
        "dlogits = np.exp(log_p) - one_hot  # (C2)",
    ),
    ("wrong-sign", "y - p stands where p - y belongs", "dlogits = (one_hot - np.exp(log_p)) / B  # (C2)"),
    (
        "softmax-left-out",
        "that is the gradient with respect to p: the way through the softmax is missing",
        "dlogits = -one_hot / np.exp(log_p) / B  # (C2)",
    ),
    ("label-forgotten", "p alone: the label is missing", "dlogits = np.exp(log_p) / B  # (C2)"),
    ("logarithm-for-probability", "log p stands where p belongs", "dlogits = (log_p - one_hot) / B  # (C2)"),
    (
        "logits-for-probabilities",
        "the logits stand where p belongs",
        "dlogits = (logits - one_hot) / B  # (C2)",
    ),
    (
        "softmax-differentiated-again",
        "p (1 - p) is multiplied in, but it is in p - y already",
        "dlogits = (np.exp(log_p) - one_hot) * np.exp(log_p) * (1 - np.exp(log_p)) / B  # (C2)",
    ),
    (
        "averaged-over-all",
        "divided by B K: the loss is a mean over the samples alone",
        "dlogits = (np.exp(log_p) - one_hot) / (B * K)  # (C2)",
    ),
]
