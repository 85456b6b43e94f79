"""What a run has finished, kept in its folder, and the nouns as JSON."""

from __future__ import annotations

from edge_opt.store.cache import Cache, cache_folder, code, content
from edge_opt.store.files import array, measure, measure_files, read_json, room, undisturbed, write_whole
from edge_opt.store.folder import SCHEMA_VERSION, Run, Stored, clear
from edge_opt.store.nouns import dump, parse, parse_answer

__all__ = [
    "SCHEMA_VERSION",
    "Cache",
    "Run",
    "Stored",
    "array",
    "cache_folder",
    "clear",
    "code",
    "content",
    "dump",
    "measure",
    "measure_files",
    "parse",
    "parse_answer",
    "read_json",
    "room",
    "undisturbed",
    "write_whole",
]
