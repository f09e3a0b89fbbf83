# SPDX-License-Identifier: Apache-2.0
"""On record, where the other hospitals fetch this one's blocks: what the node's configuration says."""

from __future__ import annotations

import time

from node.config import StorageConfig
from node.endpoint import Reach, doubt, parse_endpoint, reach
from node.errors import UsageError
from node.steps.context import Hospital


def announce(hospital: Hospital, settings: StorageConfig) -> None:
    """Put the gateway's address on chain where that has changed, and warn where others cannot use it.

    An address that only this machine reaches goes on record by itself on local chains alone, and takes the place of
    no better one, as `consilium hospital endpoint` may have put there.
    """
    if settings.backend != "local":
        return
    own, recorded = hospital.store.endpoint, hospital.reader.hospital(hospital.id).endpoint
    if not own:
        if not recorded:
            hospital.log.warning(
                "The gateway listens on every address of this machine, and none is announced: the other hospitals can "
                "fetch nothing from here. Set storage.advertise in config.toml."
            )
        return
    local_chain = hospital.reader.deployment.is_local
    wanted = settings.advertise is not None or reach(parse_endpoint(own).host) is not Reach.MACHINE
    if not wanted and _leads_elsewhere(recorded):
        hospital.log.info("the other hospitals fetch from %s, which is on record", recorded)
        return
    problem = None if local_chain else doubt(parse_endpoint(own).host)
    if problem is not None:
        announced = "" if wanted else "It is not announced. "
        hospital.log.warning(
            "The gateway's address is %s: %s %sSet storage.advertise in config.toml to one that they reach.",
            own,
            problem,
            announced,
        )
    if own != recorded and (wanted or local_chain):
        hospital.ledger.set_endpoint(f"endpoint/{own}/{int(time.time())}", hospital.id, own)


def _leads_elsewhere(recorded: str) -> bool:
    """Whether an address on record, which anyone of the hospital may have written, is one beyond this machine."""
    try:
        return reach(parse_endpoint(recorded).host) > Reach.MACHINE
    except UsageError:
        return False
