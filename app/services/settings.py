# SPDX-License-Identifier: Apache-2.0
"""Where the page reads from, as `scripts/app.py` hands it over in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from node.errors import ConfigError

RPC, DEPLOYMENT = "CONSILIUM_RPC", "CONSILIUM_DEPLOYMENT"
STORES, GATEWAYS, STUDY = "CONSILIUM_STORES", "CONSILIUM_GATEWAYS", "CONSILIUM_STUDY"
DEMO = "CONSILIUM_DEMO"


@dataclass(frozen=True)
class Settings:
    """Endpoints of one chain, its deployment record, block folders and gateways, and the study to open first.

    `demo`: nobody named this network; it is what a demo left on this machine.
    """

    rpc_urls: tuple[str, ...]
    deployment: Path
    stores: tuple[Path, ...]
    gateways: tuple[str, ...]
    study_id: int | None
    demo: bool


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that `read_settings` makes these settings of; paths absolute."""
    return {
        RPC: " ".join(settings.rpc_urls),
        DEPLOYMENT: str(settings.deployment),
        STORES: os.pathsep.join(map(str, settings.stores)),
        GATEWAYS: " ".join(settings.gateways),
        STUDY: str(settings.study_id or ""),
        DEMO: "1" if settings.demo else "",
    }


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from environment variables; lists are separated by spaces (URLs) or the path separator."""
    rpc_urls, deployment = environment.get(RPC, "").split(), environment.get(DEPLOYMENT, "")
    if not rpc_urls or not deployment:
        raise ConfigError(
            f"The page does not know which network to show: {RPC} and {DEPLOYMENT} are not both set. "
            "Run `make app` after `make demo`, or `consilium app --rpc URL --deployment FILE`."
        )
    study = environment.get(STUDY, "")
    if study and not study.isdecimal():
        raise ConfigError(f"{STUDY} must be a study's number, not {study!r}.")
    return Settings(
        rpc_urls=tuple(rpc_urls),
        deployment=Path(deployment),
        stores=tuple(Path(part) for part in environment.get(STORES, "").split(os.pathsep) if part),
        gateways=tuple(environment.get(GATEWAYS, "").split()),
        study_id=int(study) if study else None,
        demo=bool(environment.get(DEMO)),
    )
