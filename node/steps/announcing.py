# SPDX-License-Identifier: Apache-2.0
"""On record, where the other hospitals fetch this one's blocks: what the node's configuration says."""

from __future__ import annotations

import logging

from node.config import StorageConfig
from node.endpoint import Reach, doubt, parse_endpoint, reach
from node.errors import UsageError
from node.steps.context import Hospital
from node.steps.older_memory import is_silent


def announce(hospital: Hospital, settings: StorageConfig) -> bool:
    """Put the gateway's address on chain where that has changed, and warn where others cannot use it; whether it is
    done.

    An address that only this machine reaches goes on record by itself on local chains alone, and takes the place of
    no better one, as `consilium hospital endpoint` may have put there. What is announced and not seen to be mined is
    waited for at the next look, not paid for again.
    """
    if settings.backend != "local":
        return True
    if is_silent(hospital):
        return False
    own, recorded = hospital.store.endpoint, hospital.reader.hospital(hospital.id).endpoint
    if not own:
        if not recorded:
            _warn(
                hospital,
                "The gateway listens on every address of this machine, and none is announced: the other hospitals can "
                "fetch nothing from here. Set storage.advertise in config.toml.",
            )
        return True
    local_chain = hospital.reader.deployment.is_local
    wanted = settings.advertise is not None or reach(parse_endpoint(own).host) is not Reach.MACHINE
    if not wanted and _leads_elsewhere(recorded):
        hospital.log.info("the other hospitals fetch from %s, which is on record", recorded)
        return True
    problem = None if local_chain else doubt(parse_endpoint(own).host)
    if problem is not None:
        announced = "" if wanted else "It is not announced. "
        _warn(
            hospital,
            f"The gateway's address is {own}: {problem} {announced}Set storage.advertise in config.toml to one that "
            "they reach.",
        )
    if own != recorded and (wanted or local_chain):
        key = hospital.ledger.key
        intent = key.intent(f"endpoint/{own}")
        hospital.ledger.set_endpoint(intent, hospital.id, own)
        key.finish(intent)
    return True


def _warn(hospital: Hospital, text: str) -> None:
    hospital.troubles.met(hospital.log, (0, "gateway"), "address", logging.WARNING, text)


def _leads_elsewhere(recorded: str) -> bool:
    """Whether an address on record, which anyone of the hospital may have written, is one beyond this machine."""
    try:
        return reach(parse_endpoint(recorded).host) > Reach.MACHINE
    except UsageError:
        return False
