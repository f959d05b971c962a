"""The configuration: text to policies, every mistake told at once and where it stands.

`load` is the door. The way of a file: `reading` makes a tree in which every node knows its place,
`merging` makes one tree of all files, `checking` holds its parts against `models`, and `policies`,
`places` and `loading` make the nouns of `rotator.model`, with a second look at what fits together.
"""

from __future__ import annotations

from rotator.config.loading import load, yaml_files
from rotator.config.reference import reference
from rotator.config.tables import NamesPlaces, SinkType, Tables

__all__ = ["NamesPlaces", "SinkType", "Tables", "load", "reference", "yaml_files"]
