"""The assets that are named in a call of a builder."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from observe_dagster.errors import Problem, SpecError

Assets = Iterable[dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset | dg.AssetKey | str | Sequence[str]]
"""Definitions, specs or keys of assets; a definition of several assets means all of them."""


def keys_of(assets: Assets, source: str) -> list[dg.AssetKey]:
    """The keys of the assets, each once; raises SpecError, in which `source` is the builder's name."""
    if isinstance(assets, str):
        raise SpecError([Problem(file=source, path="assets", message=f"must be a list, not {assets!r} alone")])
    keys = list(dict.fromkeys(key for asset in assets for key in _keys_of(asset)))
    problems = [
        Problem(
            file=source,
            path="assets",
            message=f"{part!r} has a slash; write a key of several parts as AssetKey({part.split('/')!r})",
        )
        for key in keys
        for part in key.path
        if "/" in part
    ]
    if problems:
        raise SpecError(problems)
    return keys


def digest(keys: Iterable[dg.AssetKey]) -> str:
    """A short text that differs for other keys, for a name."""
    text = "\n".join(sorted(key.to_user_string() for key in keys))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _keys_of(asset: Any) -> Iterable[dg.AssetKey]:
    if isinstance(asset, dg.AssetsDefinition):
        return asset.keys
    if isinstance(asset, dg.AssetSpec | dg.SourceAsset):
        return [asset.key]
    return [dg.AssetKey.from_coercible(asset)]
