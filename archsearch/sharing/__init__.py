"""Shared weights: one bank from which every network of a space is put together, and the folder that keeps it."""

from archsearch.sharing.bank import Bank, Key, SharingError, keys_of
from archsearch.sharing.folder import SharedWeights, read_bank, read_supernet
from archsearch.sharing.network import SharedNetwork
from archsearch.sharing.recalibration import recalibrate

__all__ = ["Bank", "Key", "SharedNetwork", "SharedWeights", "SharingError", "keys_of", "read_bank", "read_supernet", "recalibrate"]
