"""Whose the columns of a recurrent layer's weights are."""

from __future__ import annotations

from typing import Any

from scratch_rnn.checks.findings import Known
from scratch_rnn.layers import Recurrent


def letters(layer: Recurrent) -> list[str]:
    """Return the letters of the blocks of z in their order: i, f, g, o; none for a cell with one block."""
    declared = layer.step_class.declared()
    number = len(declared["dz"].blocks)
    for whole in ("dz", "z"):  # the blocks are named dz_i ... or, where those have no names, z_i ...
        blocks = {
            part.blocks.start: name.removeprefix(f"{whole}_")
            for name, part in declared.items()
            if name.startswith(f"{whole}_")
            and part.source == declared[whole].source
            and len(part.blocks) == 1 < number
        }
        if blocks:
            return [blocks.get(block, str(block)) for block in range(number)]
    return []


def gate_columns(layer: Recurrent) -> dict[str, range]:
    """Return which columns of the weights belong to which gate, by its name in words."""
    words = {**layer.signals, **layer.gates}
    units = layer.units
    return {
        words.get(letter, letter): range(block * units, (block + 1) * units)
        for block, letter in enumerate(letters(layer))
    }


def known_of(layer: Any, shape: tuple[int, ...]) -> Known:
    """Return what is known of the gradients of a layer, or of a model, for an input of this shape."""
    sizes = {"samples": shape[0], "timesteps": shape[1]} if len(shape) == 3 else {"samples": shape[0]}
    if not isinstance(layer, Recurrent):
        return Known(sizes=sizes)
    columns = gate_columns(layer)
    return Known(dict.fromkeys(("kernel", "recurrent_kernel", "bias"), columns), sizes)
