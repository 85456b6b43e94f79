"""Machines that SSH reaches: the connection to one, and what edge-opt has it do."""

from edge_opt.remote.board import Board, Ended, Member, Parcel
from edge_opt.remote.connection import EXAMPLE, Address, address_of

__all__ = ["EXAMPLE", "Address", "Board", "Ended", "Member", "Parcel", "address_of"]
