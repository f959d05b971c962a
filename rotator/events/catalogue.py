"""What each event means, how loud it is, what it carries, and what on-call does about it."""

from __future__ import annotations

from rotator.events.names import Event
from rotator.events.rotations import KEYS, ROTATIONS
from rotator.events.spec import DEBUG, ERROR, INFO, WARNING, Spec

__all__ = ["CATALOGUE", "Spec"]

_THE_DAEMON = {
    Event.DAEMON_STARTED: Spec(
        INFO,
        ("version", "pid", "replica", "source", "config_digest", "store", "policies", "accounts"),
        "The daemon is up; it has not yet talked to AWS.",
    ),
    Event.DAEMON_STOPPED: Spec(
        INFO,
        ("signal", "seconds", "pid", "replica"),
        "The daemon was asked to stop, and has: nothing was begun, issued keys have reached their "
        "places or will be dealt with at the next start, leases are given back.",
    ),
    Event.DAEMON_FAILED: Spec(
        ERROR,
        ("error", "next_at", "exc_info"),
        "The daemon met an error that it does not know. What was recorded stays right; the work is "
        "tried again at its next moment.",
        "Keep the traceback and report it as a bug. If it repeats, `rotator status` shows who is "
        "waiting.",
    ),
    Event.CONFIG_LOADED: Spec(
        INFO,
        ("source", "config_digest", "policies", "accounts", "warnings"),
        "A configuration is in force, at the start or after a reload.",
        "Read `warnings`, if there are any: they are doubts about time and reach.",
    ),
    Event.CONFIG_REJECTED: Spec(
        ERROR,
        ("source", "config_digest", "problems", "error"),
        "The files that were to be loaded are wrong. The policies loaded before stay in force, "
        "whole.",
        "`rotator validate` prints the same problems; mend the files, they are looked at again by "
        "themselves.",
    ),
    Event.HTTP_OPENED: Spec(
        INFO,
        ("address",),
        "Health and metrics are served at this address.",
    ),
    Event.HTTP_FAILED: Spec(
        ERROR,
        ("address", "error"),
        "Health and metrics cannot be served, mostly because the port is taken. Rotation goes on.",
        "Free the port, or change `http.listen`, and start the daemon again: until then nobody can "
        "see whether it is alive.",
    ),
}

_THE_SWEEP = {
    Event.SWEEP_STARTED: Spec(
        INFO,
        ("trigger",),
        "One policy is being run over one account.",
    ),
    Event.SWEEP_COMPLETED: Spec(
        INFO,
        ("users", "acted", "waiting", "stopped", "failed", "seconds", "next_at"),
        "Every user of the policy in this account was looked at. Users who failed are counted, and "
        "each has told why.",
    ),
    Event.SWEEP_FAILED: Spec(
        ERROR,
        ("error", "users", "acted", "failed", "seconds", "next_at", "exc_info"),
        "The sweep ended before every user was looked at. Other policies and accounts go on.",
        "Look for `account.failed` or `store.failed` of the same `sweep_id`; it is run again at "
        "`next_at`.",
    ),
    Event.POLICY_UNMATCHED: Spec(
        WARNING,
        ("message",),
        "The policy's selectors match nobody in this account.",
        "Compare `users.include` with the users' names, paths and tags: a misspelt selector leaves "
        "keys to grow old.",
    ),
    Event.POLICY_LIMITED: Spec(
        WARNING,
        ("message",),
        "The policy's limits let through fewer new keys a day than its users need: keys grow "
        "older than the policy says.",
        "Raise `limits.issue`, or split the policy.",
    ),
    Event.EXCLUSION_EXPIRED: Spec(
        WARNING,
        ("exclusion", "expires_at", "stated_reason"),
        "An exclusion has passed its date and covers nobody any more.",
        "Remove it from the configuration, or agree on a new date.",
    ),
}

_THE_USERS = {
    Event.USER_STOPPED: Spec(
        WARNING,
        (
            *("reason", "message", "phase", "since", "access_key_id", "predecessor", "successor"),
            *("place", "sink", "serves", "next_at"),
        ),
        "Nothing is done for this user until a person has removed the cause; then it goes on by "
        "itself. Told once, and again when the reason changes.",
        "`rotator explain USER` shows the evidence and what a person may do.",
        by_reason=True,
    ),
    Event.USER_RESUMED: Spec(
        INFO,
        ("reason", "message", "since", "seconds", "phase"),
        "The cause of a stop is gone and the user is looked after again.",
    ),
    Event.USER_HELD: Spec(
        WARNING,
        ("reason", "message", "scope", "actor", "stated_reason", "since", "until", "phase"),
        "Somebody said stop, or late evidence did.",
        "`rotator explain USER` says why; `rotator release` ends it.",
        by_reason=True,
    ),
    Event.USER_RELEASED: Spec(
        INFO,
        ("reason", "message", "scope", "actor", "stated_reason", "since", "seconds", "phase"),
        "A hold has ended: by `rotator release`, or because its time was over.",
    ),
    Event.USER_OVERDUE: Spec(
        WARNING,
        (
            *("access_key_id", "reason", "message", "created_at", "overdue_at", "phase"),
            *("next_at", "signed_by"),
        ),
        "An Active key has passed the policy's `max_age`, or cannot be out of service before it "
        "does.",
        "`rotator explain USER` names the gate or the cause that is in the way. With `signed_by` "
        "it is rotator itself that uses the key: restart those replicas with the new one.",
    ),
    Event.USER_UNCOVERED: Spec(
        WARNING,
        ("access_key_id", "message", "created_at"),
        "A user has access keys and no policy selects it.",
        "Add the user to a policy, or exclude it by name and say why.",
    ),
    Event.USER_FAILED: Spec(
        WARNING,
        (
            *("step", "error", "code", "reason", "message", "access_key_id", "successor", "phase"),
            *("outcome", "failures", "next_at", "exc_info"),
        ),
        "A step for this user failed, or its outcome is not known. Other users go on; it is tried "
        "again at `next_at`.",
        "If `failures` grows, read `error`: mostly a missing permission. `rotator history USER` "
        "has every attempt.",
    ),
    Event.PLACE_DRIFTED: Spec(
        ERROR,
        ("sink", "place", "serves", "expected", "message", "since"),
        "A place of an idle user serves another key than the one that was delivered: somebody "
        "wrote it. It is never mended unasked.",
        "Find out who wrote it, and whether consumers still work; `rotator explain USER` shows "
        "which keys are Active.",
    ),
    Event.SINK_FAILED: Spec(
        WARNING,
        (
            *("sink", "place", "step", "error", "code", "outcome", "successor", "failures"),
            *("next_at", "exc_info"),
        ),
        "A place could not be checked, read or written. The old key stays in service; it is tried "
        "again at `next_at`.",
        "See that the sink is up and that our role may write there. A rotation that waits here "
        "harms nobody, but its key grows older.",
    ),
}

_THE_WORLD = {
    Event.ACCOUNT_FAILED: Spec(
        ERROR,
        ("error", "code", "next_at", "failures", "exc_info"),
        "An account cannot be entered or read; told once for each cause, however often it is tried."
        " None of its users is touched; other accounts go on.",
        "Check the role, its trust policy and external id, and the daemon's own credentials.",
    ),
    Event.ACCOUNT_RECOVERED: Spec(
        INFO,
        ("since", "seconds"),
        "The account can be worked in again.",
    ),
    Event.ACCOUNT_SURVEYED: Spec(
        INFO,
        ("users", "uncovered", "root_keys", "report_at", "report_digest"),
        "A new credential report of the account was read: how many users there are, how many of "
        "them have access keys that no policy covers, and how many keys the root user has.",
        "Add those whom no policy covers to one, or exclude them and say why. Delete the root "
        "user's keys: no policy can replace them.",
    ),
    Event.ACCOUNT_FOUND: Spec(
        INFO,
        ("organization",),
        "An account was found in an organization, by the name that it has from now on.",
        "Nothing, if the role is there: `account.failed` says where it is not.",
    ),
    Event.ACCOUNT_LOST: Spec(
        WARNING,
        ("organization",),
        "An account that was worked in is not there any more: it was suspended, moved out of the "
        "units, or does not match any more. What is open in it waits until it is back.",
        "If it is to stay away, nothing. Else look at its state, its unit and its tags.",
    ),
    Event.ORGANIZATION_FAILED: Spec(
        ERROR,
        ("organization", "error", "code", "accounts"),
        "The accounts of an organization could not be listed, or it excludes an account that it "
        "does not have; told once for each cause. So many `accounts` are known from before, and "
        "are worked in as before; in others nothing is begun.",
        "Allow the organizations:List… actions, from the management account or a delegated one; or "
        "correct the excluded id.",
    ),
    Event.ORGANIZATION_RECOVERED: Spec(
        INFO,
        ("organization", "since"),
        "The accounts of the organization can be listed again.",
    ),
    Event.ACCOUNT_THROTTLED: Spec(
        INFO,
        ("rate",),
        "AWS refuses some of our requests in the account, since there are too many, from us and "
        "from others; told at most once in ten minutes. We ask at half the rate, and find out by "
        "and by how much there is for us. Nothing is lost; sweeps take longer.",
        "Nothing. Where others must go first, give the account a lower `rate`.",
    ),
    Event.ACCOUNT_UNWATCHED: Spec(
        WARNING,
        (),
        "iam:GetAccountAuthorizationDetails is forbidden in the account: that AWS quarantines a "
        "user whose key leaked is not noticed there. Told once for each start.",
        "Allow iam:GetAccountAuthorizationDetails; it costs one call for a thousand users.",
    ),
    Event.REPORT_FAILED: Spec(
        WARNING,
        ("error", "code"),
        "The account's credential report could not be had; told once for each cause. Nothing is "
        "missed: users are left out by the report before, as long as nobody can have become due "
        "in its age, and else everybody is listed live, which costs calls.",
        "Where it is forbidden, allow iam:GenerateCredentialReport and iam:GetCredentialReport.",
    ),
    Event.REPORT_RECOVERED: Spec(
        INFO,
        (),
        "The account's credential report can be had again.",
    ),
    Event.CREDENTIALS_MOVED: Spec(
        INFO,
        ("access_key_id", "successor", "origin"),
        "rotator signs its own calls with another key of a user from now on (`successor`; none "
        "where only a role is at work), by itself and without a restart.",
    ),
    Event.CREDENTIALS_KEPT: Spec(
        WARNING,
        ("access_key_id", "message"),
        "What gives rotator its own credentials gives others, or none, and they are not taken: "
        "those that it has go on being used as long as they work. It is looked at again all the "
        "time, and told once.",
        "Mend the file, the profile or the process that `message` names. No restart is needed, "
        "and one would fail.",
    ),
    Event.CLOCK_SKEWED: Spec(
        ERROR,
        ("skew_seconds", "message"),
        "Our clock differs from AWS's by more than a minute. Nothing is changed until it does not.",
        "Set the clock of this machine; see that its time service runs.",
    ),
    Event.CLOCK_RECOVERED: Spec(
        INFO,
        ("skew_seconds", "since", "seconds"),
        "Our clock agrees with AWS's again.",
    ),
    Event.STORE_FAILED: Spec(
        ERROR,
        ("store", "error", "code", "next_at", "exc_info"),
        "The store cannot be used: locked, full, unreachable, damaged, or older than what was seen "
        "before. Nothing is begun and nothing is harmed.",
        "`rotator state check` says what is wrong. Never put a new store in the place of an old "
        "one: what it knew is what keeps keys safe.",
    ),
    Event.STORE_RECOVERED: Spec(
        INFO,
        ("store", "since", "seconds"),
        "The store can be used again; work goes on where it stood.",
    ),
}

_THE_ORDERS = {
    Event.ORDER_GIVEN: Spec(
        INFO,
        ("order_id", "verb", "actor", "stated_reason", "scope", "access_key_id", "until"),
        "A person's order is on record and will be obeyed by whoever next looks after the user.",
    ),
    Event.ORDER_ACCEPTED: Spec(
        INFO,
        ("order_id", "verb", "actor", "message", "access_key_id"),
        "An approval counts: `message` says for which step, and until when.",
    ),
    Event.ORDER_OBEYED: Spec(
        INFO,
        ("order_id", "verb", "actor", "message", "access_key_id", "seconds"),
        "What was ordered is so.",
    ),
    Event.ORDER_REFUSED: Spec(
        WARNING,
        ("order_id", "verb", "actor", "reason", "message", "access_key_id"),
        "What was ordered cannot be done; `message` says what to do instead.",
        "Tell whoever gave the order.",
    ),
    Event.ORDER_LAPSED: Spec(
        WARNING,
        ("order_id", "verb", "actor", "reason", "message", "access_key_id"),
        "An approval ended unspent: its time is over, or its rotation is.",
        "Approve again, where the step is still wanted.",
    ),
}

_THE_REST = {
    Event.DECISION_MADE: Spec(
        DEBUG,
        (
            *("action", "reason", "message", "gate", "phase", "access_key_id", "next_at"),
            *("predecessor", "successor", "title"),
        ),
        "What the judgement said about one user, waits included.",
    ),
    Event.OUTLET_FAILED: Spec(
        WARNING,
        ("outlet", "error", "exc_info"),
        "One of those who are told of events failed at one, and missed it. The work is not "
        "disturbed.",
        "Keep the traceback and report it as a bug. `rotator history` has everything that was "
        "done, whatever the log or the metrics missed.",
    ),
    Event.LIBRARY_LOGGED: Spec(
        INFO,
        ("logger", "text", "exc_info"),
        "A library that rotator uses said something, at the level that it chose. None of them is "
        "heard below info: botocore's debug messages hold secrets.",
        "Nothing, unless it stands beside an error of ours.",
    ),
}

CATALOGUE: dict[Event, Spec] = (
    _THE_DAEMON | _THE_SWEEP | ROTATIONS | KEYS | _THE_USERS | _THE_WORLD | _THE_ORDERS | _THE_REST
)
"""Every event, in the order in which the page lists them."""
