# SPDX-License-Identifier: Apache-2.0
"""The study in plain sentences: what is asked, how it is trained, protected, timed and paid."""

from __future__ import annotations

from app.services import format as fmt
from app.services.html import Line
from node.audit.views import StudyView
from node.plan import (
    CLIPPED,
    EXTRACTED,
    MOMENTUM,
    RHO_UNITS,
    WEIGHT_FRACTION_BITS,
    HeadPlan,
    ImageHeadPlan,
    NetworkPlan,
    Privacy,
    TrainingPlan,
)
from node.plan_training import ClippedStep
from node.storage.cid import cid_of
from node.types import CeremonyStep, CircuitKind, Phase, StudyState
from node.words import NEIGHBOURING, NEIGHBOURING_MEASURED

STATE = {
    StudyState.NONE: "unknown",
    StudyState.PUBLISHED: "published, waiting for its funding",
    StudyState.ENROLLING: "open for enrolment",
    StudyState.CEREMONY: "in its key ceremony",
    StudyState.RUNNING: "running",
    StudyState.COMPLETED: "completed",
    StudyState.CANCELLED: "ended early",
}
PHASE = {
    Phase.NONE: "not begun",
    Phase.SUBMIT: "hospitals train and submit",
    Phase.ATTEST: "hospitals attest what they hold",
    Phase.INCLUDE: "waiting for the included set",
    Phase.OPEN: "the sum is being opened",
    Phase.SUSPENDED: "suspended until enough hospitals open its sum",
    Phase.FINALISED: "finalised",
    Phase.FAILED: "failed",
}
STEP = {
    CeremonyStep.KEY: "keys",
    CeremonyStep.DEAL: "dealing",
    CeremonyStep.HOLD: "dealings held",
    CeremonyStep.COMPLAIN: "lacking, complaints",
    CeremonyStep.ACKNOWLEDGE: "transcript acknowledged",
}
FAMILY = {
    "logistic-head": "Logistic regression: one weight for each feature, and a bias",
    "logistic-head-on-images": (
        "Logistic regression on what a frozen network finds in images: one weight for each of its features, and a bias"
    ),
    "cnn-5162": (
        "Convolutional network for grey images of 28 × 28 pixels: three convolutions of 3 × 3 with 8, 16 and 24 "
        "channels, each with max-pooling, and a linear layer to two classes"
    ),
}
LOSS = {
    "hard-sigmoid-logistic": (
        "Logistic loss with a hard sigmoid, p = clamp(z/4 + 1/2, 0, 1): piecewise linear, so that whole "
        "numbers compute it exactly and a proof can follow it"
    ),
    "softmax-cross-entropy": "Cross-entropy of the softmax of two outputs, in floating point",
}
OPTIMISER = {
    "mini-batch gradient descent": "Mini-batch gradient descent",
    MOMENTUM: "Stochastic gradient descent with momentum",
    CLIPPED: "One step a round down the sum of all images' gradients",
}

NOT_PROVED = (
    "That the committed rows are honest medicine: a hospital can commit to invented data.",
    "Whose ciphertext or share was wrong where a sum did not open by CKKS: nobody can tell. It costs one window; then "
    "pads open the sum, and in them every lie is named.",
    "On this page: that whoever was named for a false dealing, payload or share of pads did lie. Hospitals judge that "
    "by bytes that all of them hold, and at least the plan's threshold of them have to agree; this page takes their "
    "word, and checks what follows from it.",
    "What sums from models that are nearly the same show together: without a privacy budget, whoever is in the sum of "
    "one round and not in that of the next shows its own update approximately to everybody. "
    f"{NEIGHBOURING_MEASURED}.",
    "What a sum over few hospitals tells: all but one of them together learn the last one's update.",
    "That fewer than the threshold of hospitals pool their keys: any so many can read a round's single updates, and "
    "accuse whom they like.",
    "That the chain is as its endpoint tells it: this page believes the endpoint it was given. Name your own.",
)


def optimiser(plan: TrainingPlan) -> Line:
    """How one hospital steps."""
    match plan:
        case HeadPlan():
            part = plan.training
            return Line(
                "Optimiser",
                f"{OPTIMISER[plan.model.optimiser]} with learning rate {fmt.rate(part.learning_rate)}, "
                f"{fmt.count(part.epochs, 'epoch')} a round, batches of {fmt.count(part.batch_size, 'row')} in the "
                "committed order.",
            )
        case NetworkPlan():
            local = plan.training.local
            if isinstance(local, ClippedStep):
                return Line(
                    "Optimiser",
                    f"{OPTIMISER[plan.model.optimiser]}: the gradient of each image is shortened to a "
                    f"norm of at most {local.clip}, and one image moves an update by at most "
                    f"{local.reach / (1 << WEIGHT_FRACTION_BITS):.3g} (L2 norm over all weights).",
                )
            return Line(
                "Optimiser",
                f"{OPTIMISER[plan.model.optimiser]} {local.momentum}, "
                f"{fmt.count(local.epochs, 'epoch')} a round, batches of {fmt.count(local.batch_size, 'image')}, "
                f"learning rate {float(local.learning_rates[0]):.3g} at first and "
                f"{float(local.learning_rates[-1]):.3g} in the last round.",
            )
    raise AssertionError("a plan is one of the two kinds")


def question(plan: TrainingPlan) -> list[str | Line]:
    """What is asked, of which data."""
    label = plan.model.label
    of_images = (
        "Each record of a hospital is one grey image of 28 × 28 pixels with the label "
        f"“{label.name}”, which says “{label.positive}” or “{label.negative}”."
    )
    scaled = (
        "Features are scaled with constants that the plan makes public: (value − mean) / standard deviation, cut "
        "to the range from −4 to 4 and rounded to 8 bits. No hospital's data went into another's scaling."
    )
    asked = Line("Question", plan.question)
    match plan:
        case NetworkPlan():
            return [asked, of_images]
        case ImageHeadPlan():
            file = plan.model.extractor
            return [
                asked,
                of_images,
                f"A frozen network, the sponsor's, makes {EXTRACTED} features of each image; its file is "
                f"{cid_of(bytes.fromhex(file.digest), file.size)}. That a hospital's features are those of its "
                "images is not proved: what is proved begins with the features.",
                scaled,
            ]
    return [
        asked,
        f"Each row of a hospital's table is one case with {fmt.count(plan.trained_weights - 1, 'feature')} and the "
        f"column “{label.name}”, which says “{label.positive}” or “{label.negative}”.",
        scaled,
    ]


def training(plan: TrainingPlan) -> list[Line]:
    """How one hospital trains in one round."""
    start = "all weights zero" if not any(plan.model.initial) else "the weights given in the plan"
    lines = [
        Line(
            "Model",
            f"{FAMILY[plan.model.family]}. It has {fmt.count(plan.trained_weights, 'weight')} and starts from {start}.",
        ),
        Line("Loss", f"{LOSS[plan.model.loss]}."),
        optimiser(plan),
    ]
    match plan:
        case HeadPlan():
            return lines + _proved_training(plan)
        case NetworkPlan():
            return lines + _bounded_training(plan)
    raise AssertionError("a plan is one of the two kinds")


def _bounded_training(plan: NetworkPlan) -> list[Line]:
    part = plan.training
    norm = part.update_bound**0.5 / (1 << WEIGHT_FRACTION_BITS)
    return [
        Line("Bound", f"an update moves the model by at most {norm:.3g} (L2 norm over all weights)."),
        Line(
            "Weight of a hospital",
            "every included hospital counts the same, and is paid for an accepted update: how many images it has is "
            "claimed, not proved.",
        ),
        Line(
            "Proof",
            f"every update comes with a proof (circuit “{part.circuit}”) that it is within that bound, that each of "
            "its values is in range, and that the commitment which enters the sum is to exactly this update. How it "
            "was trained, and on which images, is not proved.",
        ),
    ]


def _proved_training(plan: HeadPlan) -> list[Line]:
    part = plan.training
    reach = part.update_bound**0.5 / (1 << WEIGHT_FRACTION_BITS)
    hidden = (
        [
            Line(
                "Bound",
                f"an update longer than {reach:.3g} (L2 norm over all weights, times the number of rows) is shortened "
                "to that and no further, and then gets its noise. The proof covers both: the shortening exactly, and "
                "of the noise that none is larger than the plan allows.",
            )
        ]
        if part.update_bound
        else []
    )
    return [
        Line(
            "Rows",
            f"at most {fmt.count(part.rows_maximum, 'row')} of a hospital, the same in every round, fixed by a "
            "commitment at enrolment. Of a hospital with more rows, the hash of a later block of the chain and the "
            "salts of all hospitals draw the block of rows that it trains on.",
        ),
        Line(
            "Arithmetic",
            f"whole numbers throughout, weights of {plan.quantisation.weight_bits} bits with "
            f"{WEIGHT_FRACTION_BITS} after the point, so that the computer program and the proof agree to the last "
            "bit.",
        ),
        Line(
            "Proof",
            f"every update comes with a proof (circuit “{part.circuit}”) that exactly this training was run on "
            "exactly the committed rows. The contract checks it before it accepts the update.",
        ),
        *hidden,
    ]


def protection(plan: TrainingPlan) -> list[str | Line]:
    """Who can read what."""
    t, people = plan.encryption.threshold, plan.participation
    by_ckks = (
        "An update leaves only encrypted (threshold CKKS) and under a one-time pad. A sum is opened once by CKKS; "
        "where that does not work, by pads, in which every lie shows whose it is. After two such failures in a study "
        "pads open at once. What opens a sum by CKKS hides the rest with "
        f"{plan.encryption.statistical_security} bits of statistical security."
    )
    by_pads = (
        "An update leaves only under a one-time pad, and pads alone open sums: every lie in them shows whose it is."
    )
    return [
        f"No record leaves its hospital. {by_pads if plan.encryption.pads_only else by_ckks}",
        f"Only the sum of at least {people.minimum} hospitals' updates is opened, and any {t} of the hospitals "
        f"have to work together for that (threshold {t}).",
        f"The same holds against them: any {t} hospitals that pool their key shares can read every single update "
        "of a round.",
        "From one starting model one set of hospitals is opened, ever: two sums would differ by somebody's update. "
        "A round whose set is fixed waits until it is opened, or the study ends.",
        _privacy(plan.privacy),
        *([f"{NEIGHBOURING}. {NEIGHBOURING_MEASURED}."] if plan.privacy.level == "none" else []),
        f"The sum and the new model are proved as well (circuit “{plan.aggregation.circuit}”): nobody can finalise a "
        "wrong one.",
    ]


def _privacy(hidden: Privacy) -> str | Line:
    if hidden.level == "none":
        return "There is no differential privacy in this study: its budget is 0."
    return Line(
        "Differential privacy",
        f"at the level of a {hidden.level}, by noise that each hospital adds to its update before it encrypts. "
        f"Two sets of data that differ in {hidden.neighbours} give nearly the same models. Sampling: "
        f"{hidden.sampling}. A round costs {hidden.cost / RHO_UNITS:.4g} rho of zero-concentrated differential "
        f"privacy, and the contract ends the study before more than {hidden.budget / RHO_UNITS:.4g} is spent; the "
        f"epsilon of it is told for δ = {hidden.delta}. That the noise was drawn at random is not proved.",
    )


def _between(least: int, most: int) -> str:
    return fmt.count(most, "hospital") if least == most else f"From {least} to {fmt.count(most, 'hospital')}"


def schedule(plan: TrainingPlan) -> list[str]:
    """Rounds, people and deadlines."""
    people, phases = plan.participation, plan.phases
    return [
        f"{_between(people.minimum, people.maximum)} take part in "
        f"{fmt.count(people.rounds, 'round')}; a key ceremony makes keys for {people.batch_rounds} of them, and a "
        "new one is held when they are used up, when a hospital joins or leaves, when a round failed, and on request.",
        "Nobody joins once the first key ceremony has begun."
        if people.joining == "closed"
        else "A newcomer may join while it runs, if enough of those that take part approve.",
        f"Enrolment lasts {fmt.duration(phases.enrol)} at most, each step of the key ceremony "
        f"{fmt.duration(phases.ceremony_step)}.",
        f"In a round, submitting may take {fmt.duration(phases.submit)}, attesting {fmt.duration(phases.attest)}, each "
        f"window of an opening {fmt.duration(phases.open)}. A phase ends early once everybody has acted. A round that "
        "does not open in its windows is suspended, and the study ends if it is not opened "
        f"{fmt.duration(phases.patience)} after its set was fixed.",
        f"After the end, hospitals help one another to the last model for {fmt.duration(phases.recovery)}.",
        f"Nodes wait for {fmt.count(phases.confirmations, 'block')} after a block before they rely on it.",
        f"{fmt.count(plan.money.unopened_rounds, 'failed round')} in a row "
        f"{'ends' if plan.money.unopened_rounds == 1 else 'end'} the study.",
    ]


def money(view: StudyView) -> list[str]:
    """Who pays whom; from the numbers on chain."""
    terms, network = view.plan.terms, view.network
    bounded = view.plan.training.kind is CircuitKind.BOUNDED
    shared = (
        "the same for each included hospital" if bounded else "shared by the rows of each included hospital's proof"
    )
    return [
        f"The sponsor pays {fmt.tokens(terms.reward_per_round, network)} for each round that is finalised, {shared}; "
        f"and up to {fmt.tokens(terms.service_budget, network)} to whoever moves the study on, "
        f"{fmt.tokens(terms.service_fee, network)} for including a round's updates and for finalising it, half of that "
        f"for moving a ceremony on and for recording a failure. All of it, {fmt.tokens(view.money.required, network)} "
        f"for {fmt.count(terms.rounds, 'round')}, is paid in before hospitals can enrol; what is not earned goes back.",
        f"Each hospital locks a bond of {fmt.tokens(terms.bond, network)}, and gets it back at the end. A lie costs a "
        "quarter of it, which belongs to the other hospitals of that round or ceremony, and the hospital's place in "
        "the study.",
        f"An absence costs {fmt.tokens(terms.absence_fine, network)}, in one batch of rounds at most "
        f"{fmt.tokens(terms.absence_cap, network)}. Fines pay for services once the sponsor's budget is spent; what is "
        "left of them is nobody's.",
    ]
