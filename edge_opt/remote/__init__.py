"""Machines that SSH reaches: the connection to one, and what edge-opt has it do."""

from edge_opt.remote.board import Board, Ended
from edge_opt.remote.connection import EXAMPLE, Address, address_of
from edge_opt.remote.parcels import Member, Parcel
from edge_opt.remote.said import refused

__all__ = ["EXAMPLE", "Address", "Board", "Ended", "Member", "Parcel", "address_of", "refused"]
