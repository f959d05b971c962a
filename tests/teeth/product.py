"""Mistakes that would lose a key, put into the product, each with the tests that have to notice.

The pieces are cut from the product's own source. One that is not there exactly once fails the run:
who rewrites a line says here what the mistake looks like now.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MISTAKES", "Mistake"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A few lines that break the product.

    Attributes:
        what: the mistake, as a sentence.
        file: below `rotator/`.
        piece, instead: what stands there once, and what stands there in the mutant.
        tests: what has to go red with it, and is green without it.
    """

    what: str
    file: str
    piece: str
    instead: str
    tests: tuple[str, ...]


def _mistake(what: str, file: str, piece: str, instead: str, *tests: str) -> Mistake:
    return Mistake(what, file, piece, instead, tests)


MISTAKES = (
    # What is asked of AWS, and what its answers are taken for.
    _mistake(
        "a request to create a key is retried",
        "aws/wire.py",
        'retries={"total_max_attempts": attempts, "mode": "standard"}',
        'retries={"total_max_attempts": attempts + 2, "mode": "standard"}',
        "tests/aws/test_sent_once.py",
    ),
    _mistake(
        "a 5xx is taken for a rejection",
        "aws/answers.py",
        "if not CLIENT_ERROR <= status < SERVER_ERROR or not _is_code(code):",
        "if not _is_code(code):",
        "tests/aws/test_answers.py",
    ),
    _mistake(
        "an empty 200 is taken for a yes",
        "aws/iam.py",
        '    answer["ResponseMetadata"]["RequestId"]\n',
        "    answer\n",
        "tests/aws/test_sent_once.py",
        "tests/aws/test_simulated.py",
        "tests/aws/test_listing.py",
        "tests/aws/test_wire.py",
    ),
    _mistake(
        "an unreadable last use is read as never",
        "aws/iam.py",
        "            return UseUnknown(str(exc))",
        "            return NeverUsed()",
        "tests/aws/test_listing.py",
    ),
    _mistake(
        "a record of last use that says nothing is read as never",
        "aws/iam.py",
        'if service == "N/A":\n',
        "if True:\n",
        "tests/aws/test_listing.py",
    ),
    _mistake(
        "a listing that broke off is taken as whole",
        "aws/listing.py",
        'if bool(page.get("IsTruncated")) != bool(marker):',
        "if False:",
        "tests/aws/test_listing.py",
    ),
    _mistake(
        "a listing without its members is taken as empty",
        "aws/listing.py",
        '        if member not in page:\n            raise ReadError(f"the answer of AWS has no {member}")\n        yield from page[member]\n',
        "        yield from page.get(member, ())\n",
        "tests/aws/test_listing.py",
    ),
    _mistake(
        "the skew of the clock is ignored",
        "reconcile/cases.py",
        "    if wrong is not None:\n        doubts",
        "    if False:\n        doubts",
        "tests/reconcile/test_scenarios.py::test_nothing_is_changed_by_a_clock_that_is_wrong",
    ),
    # Who the user is.
    _mistake(
        "a user of the same name is taken for the user",
        "reconcile/looks.py",
        "if present is None or present.user_id != user.user_id:",
        "if present is None:",
        "tests/reconcile/test_people.py::test_a_user_who_was_made_again_is_another_user",
    ),
    _mistake(
        "a key of another user of the account is proven",
        "reconcile/effects/prove.py",
        "    if (identity.account_id, identity.user_id) != (user.account_id, user.user_id):",
        "    if identity.account_id != user.account_id:",
        "tests/reconcile/test_scenarios.py::test_a_key_of_another_user_is_never_delivered",
    ),
    _mistake(
        "no such key of a same-named user ends a rotation",
        "reconcile/effects/switch.py",
        "same = user is not None and user.user_id == journey.user.user_id",
        "same = user is not None and user.name == journey.user.name",
        "tests/reconcile/test_races.py::test_no_such_entity_of_a_user_who_was_made_again_is_no_deletion",
    ),
    _mistake(
        "no such key is believed without a listing",
        "reconcile/effects/switch.py",
        "    if not isinstance(error, Rejected) or error.code != GONE:\n        return False\n",
        "    if not isinstance(error, Rejected) or error.code != GONE:\n        return False\n    return True\n",
        "tests/reconcile/test_races.py::test_no_such_entity_of_a_renamed_user_is_no_deletion",
    ),
    _mistake(
        "an exclusion whose group was not read fails open",
        "judgement/selection.py",
        "        if _may_match(exclusion.selector, user):",
        "        if matches(exclusion.selector, user):",
        "tests/judgement/test_selection.py",
    ),
    # Before and after each request.
    _mistake(
        "a key is switched off before the intent is committed",
        "reconcile/effects/switch.py",
        "    rotation = journey.case.open\n    journey.entered.iam.turn()\n    try:\n        with journey.change(extend=extension(journey)) as change:\n            sent = intend(\n                journey,\n                change,\n                Step.DEACTIVATE,\n",
        "    rotation = journey.case.open\n    journey.entered.iam.turn()\n    try:\n        journey.entered.iam.set_status(journey.user.name, action.key_id, KeyStatus.INACTIVE)\n        with journey.change(extend=extension(journey)) as change:\n            sent = intend(\n                journey,\n                change,\n                Step.DEACTIVATE,\n",
        "tests/simulation/test_monitor.py",
    ),
    _mistake(
        "a key is issued before its beginning is committed",
        "reconcile/effects/issue.py",
        "        sent = _begin(journey, action)\n",
        "        created = journey.entered.iam.create_key(journey.user.name)\n        sent = _begin(journey, action)\n",
        "tests/reconcile/test_sweeps.py::test_what_cannot_be_saved_is_not_done",
    ),
    _mistake(
        "the use of a key by our own proof is not put down before it",
        "reconcile/effects/prove.py",
        "        _facts(journey, change, key_id, own_use_at=journey.equipment.clock())\n        return intend(",
        "        return intend(",
        "tests/reconcile/test_races.py::test_a_use_of_a_key_by_ourselves_is_on_record_before_it_is_made",
    ),
    _mistake(
        "a request does not make the lease last beyond it",
        "reconcile/effects/requests.py",
        "    return (PUT_LIFE + 1) * journey.case.timing.request_timeout",
        "    return timedelta(0)",
        "tests/reconcile/test_races.py::test_nobody_takes_a_user_over_while_a_request_may_live",
    ),
    _mistake(
        "an unknown outcome counts as none having been asked",
        "store/journal.py",
        "        ~settled(journal.c.seq, (JournalOutcome.REJECTED,)),\n    )\n    .order_by(journal.c.seq.desc())\n)\n_ANSWERS",
        "        ~settled(journal.c.seq, (JournalOutcome.REJECTED, JournalOutcome.UNKNOWN)),\n    )\n    .order_by(journal.c.seq.desc())\n)\n_ANSWERS",
        "tests/store/test_journal.py",
    ),
    _mistake(
        "the wait is forgotten at a take-over",
        "judgement/doubt.py",
        "max((intent.timeout_at + case.timing.settle for intent in case.intents), default=None)",
        "max((intent.timeout_at for intent in case.intents), default=None)",
        "tests/judgement/test_doubt.py",
    ),
    _mistake(
        "a key is harmed on a look that is not fresh",
        "reconcile/visit.py",
        "if isinstance(action, Issue | Deactivate | Delete) and not fresh:",
        "if False:",
        "tests/reconcile/test_races.py::test_a_successor_that_is_switched_off_while_it_is_put_keeps_the_old_key",
    ),
    _mistake(
        "whoever is asked to stop still begins and harms",
        "reconcile/visit.py",
        "    return journey.equipment.stopping.is_set() and not mends",
        "    return False",
        "tests/reconcile/test_sweeps.py::test_a_key_that_is_issued_reaches_its_place_before_the_process_ends",
    ),
    _mistake(
        "the promised date of deletion is forgotten",
        "reconcile/effects/record.py",
        "    return at + rest if rest > timedelta(0) else None",
        "    return None",
        "tests/reconcile/test_gates.py::test_a_shorter_recovery_period_deletes_no_key_before_its_promised_date",
    ),
    # Places.
    _mistake(
        "a place is not read back after its put",
        "reconcile/effects/deliver.py",
        "    if not shows:\n",
        "    if False:\n",
        "tests/reconcile/test_scenarios.py::test_a_sink_that_says_yes_and_reads_otherwise_is_not_believed",
    ),
    _mistake(
        "a secret that was read back is not proven again",
        "reconcile/effects/deliver.py",
        "rotation.proven_at is not None and not fetched",
        "rotation.proven_at is not None",
        "tests/reconcile/test_races.py::test_a_secret_that_is_read_back_is_proven_before_it_is_put_anywhere",
    ),
    _mistake(
        "a put to a write-only place counts as delivered without its answer",
        "judgement/presence.py",
        "    return place.answered_key == key_id and not written_by_another(place)",
        "    return place.begun_key == key_id and not written_by_another(place)",
        "tests/judgement/test_presence.py",
    ),
    _mistake(
        "a put that is begun is not put down at its place",
        "store/telling.py",
        "            and not claims.put_begun(self._connection, self._ref, row.place, row.key_id)",
        "            and False",
        "tests/store/test_rotations.py",
    ),
    _mistake(
        "a place is claimed by two users",
        "store/claims.py",
        "        where=shapes.mine(places),\n    ).returning(places.c.type)",
        "    ).returning(places.c.type)",
        "tests/store/test_rotations.py::test_a_place_belongs_to_one_user",
    ),
    _mistake(
        "a file is replaced although it changed since it was looked at",
        "sinks/file.py",
        "        if changes and not still_serves(self._served(before), replacing, credential):",
        "        if False:",
        "tests/sinks/test_every_sink.py",
    ),
    _mistake(
        "a label moves away from whatever version has it",
        "sinks/secretsmanager.py",
        '        source = {"RemoveFromVersionId": seen.version} if seen.version else {}',
        "        source: dict[str, str] = {}",
        "tests/sinks/test_secretsmanager.py::test_one_who_writes_before_the_move_is_noticed",
    ),
    # The store.
    _mistake(
        "the fence is not compared",
        "store/leases.py",
        '        leases.c.holder == bindparam("of_holder"),\n        leases.c.fence == bindparam("of_fence"),\n',
        '        leases.c.holder == bindparam("of_holder"),\n',
        "tests/store/test_leases.py",
    ),
    _mistake(
        "a lease that has run out is good enough",
        "store/leases.py",
        '        .where(_held(), leases.c.until > moment("now", by_our_clock=by_our_clock))',
        "        .where(_held())",
        "tests/store/test_leases.py",
    ),
    _mistake(
        "a lease is taken from whoever has it",
        "store/leases.py",
        '        where=leases.c.until <= moment("now", by_our_clock=by_our_clock),\n    ).returning(',
        "    ).returning(",
        "tests/store/test_leases.py",
    ),
    _mistake(
        "a commit whose answer was lost is taken as written",
        "store/leases.py",
        "        return bool(row.mark == mark)",
        "        return True",
        "tests/store/test_lost_commits.py",
        "tests/store/test_postgres.py::test_a_commit_without_an_answer_that_was_not_written_is_an_error",
    ),
    _mistake(
        "a commit whose answer was lost is taken as not written",
        "store/leases.py",
        "        return bool(row.mark == mark)",
        "        return False",
        "tests/store/test_postgres.py::test_a_commit_without_an_answer_that_was_written_counts",
    ),
    _mistake(
        "limits are counted outside the transaction",
        "reconcile/effects/requests.py",
        "        limit=limit_of(journey, step, reason),",
        "        limit=None,",
        "tests/reconcile/test_races.py::test_a_limit_that_is_used_up_keeps_a_key",
        "tests/reconcile/test_gates.py::test_a_limit_is_one_for_all_replicas_and_restarts",
    ),
    _mistake(
        "one transaction does not wait for another that counts the same limit",
        "store/telling.py",
        '        self._database.queue_up(self._connection, "limit", policy, row.account_id)\n',
        "",
        "tests/store/test_postgres.py::test_two_replicas_never_pass_a_limit_together",
    ),
    _mistake(
        "a user may have two open rotations",
        "store/schema.py",
        "    unique=True,\n",
        "    unique=False,\n",
        "tests/store/test_rotations.py",
    ),
    _mistake(
        "a store that went back is not noticed",
        "store/watermark.py",
        "        lost = max((row.seq for row in seen if row not in there), default=None)",
        "        lost = None",
        "tests/store/test_upkeep.py::test_a_store_that_lost_commits_is_noticed_by_who_saw_them",
    ),
    _mistake(
        "a copy of a store is taken for the store",
        "store/watermark.py",
        "        if STAMP in marks:",
        "        if False:",
        "tests/store/test_upkeep.py::test_a_backup_that_is_opened_begins_and_harms_nothing",
    ),
    _mistake(
        "a store that went back lets a beginning through",
        "store/changes.py",
        "                if went_back is not None and not mends:",
        "                if False:",
        "tests/store/test_upkeep.py::test_a_backup_that_is_opened_begins_and_harms_nothing",
    ),
    _mistake(
        "the record of a user is no chain",
        "store/journal.py",
        '    return hashlib.sha256(f"{previous}\\n{text}".encode()).hexdigest()',
        "    return hashlib.sha256(text.encode()).hexdigest()",
        "tests/store/test_upkeep.py::test_a_changed_or_missing_row_is_found",
    ),
    # Orders, replicas, secrets.
    _mistake(
        "a user is looked after without the lease",
        "reconcile/visit.py",
        "    if lease is None:\n        return VisitResult(user, None, left_to_another=True)\n",
        "    if lease is None:\n        from rotator.store import Lease\n        lease = Lease(user.ref, equipment.holder, 1, equipment.clock() + timing.lease)\n",
        "tests/reconcile/test_scenarios.py::test_two_processes_never_decide_about_one_user_at_once",
    ),
    _mistake(
        "a key that a person brings is put without the lease",
        "reconcile/taking.py",
        "        if lease is not None:\n            return lease\n",
        "        if lease is None:\n            from rotator.store import Lease\n            lease = Lease(user.ref, equipment.holder, 1, equipment.clock() + length)\n        return lease\n",
        "tests/reconcile/test_handing.py::test_somebody_elses_lease_is_waited_for",
    ),
    _mistake(
        "every leaked key is switched off first",
        "judgement/leaked.py",
        "        now=order.contain_first,",
        "        now=True,",
        "tests/judgement/test_leaked.py::test_a_leaked_key_is_switched_off_first_where_that_is_said",
    ),
    _mistake(
        "replicas that are configured otherwise are not asked",
        "reconcile/cases.py",
        "[row for row in around.replicas if row.seen_at >= live_since]",
        "[]",
        "tests/reconcile/test_sweeps.py::test_replicas_that_do_not_agree_begin_nothing",
    ),
    _mistake(
        "a hold is not looked up",
        "reconcile/cases.py",
        "        hold=around.hold,",
        "        hold=None,",
        "tests/reconcile/test_people.py::test_a_hold_starts_the_clocks_anew",
    ),
    _mistake(
        "a secret shows itself",
        "model/iam.py",
        '        return "Secret(…)"',
        "        return self._value",
        "tests/model/test_secrets.py",
    ),
    _mistake(
        "a secret is told in an event",
        "reconcile/effects/deliver.py",
        "        place=str(state.place),\n        observed=False,",
        "        place=journey.equipment.hands.held(journey.user.ref, key_id).secret_access_key.reveal(),  # type: ignore[union-attr]\n        observed=False,",
        "tests/reconcile/test_secrets_in_memory.py",
        "tests/reconcile/test_sweeps.py",
        "tests/reconcile/test_scenarios.py",
    ),
    _mistake(
        "a file with a secret is readable for all for a moment",
        "sinks/folder.py",
        "_PRIVATE_FILE = 0o600",
        "_PRIVATE_FILE = 0o644",
        "tests/sinks/test_file.py::test_nobody_else_can_read_the_sibling_while_it_is_written",
    ),
)
