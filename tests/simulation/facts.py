"""What is known of IAM and STS, sentence by sentence, each with where it is known from.

The simulated world is held against this table: `test_facts.py` has one check for each row, and
fails where one is missing. What nobody knows of AWS stands in the table too, as what the world
assumes; each assumption is the harder one of those that are possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["FACTS", "Evidence", "Fact"]


class Evidence(Enum):
    """How a fact is known."""

    RECORDED = "recorded against AWS"
    DOCUMENTED = "documented by AWS"
    MODEL = "the service model in botocore"
    REPORTED = "measured by others"
    ASSUMED = "nobody says; the harder case is assumed"


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence, and its source: an AWS page, a public repository or an issue in one."""

    says: str
    evidence: Evidence
    source: str


SNAPSHOTS = "LocalStack, tests/aws/services/iam (responses of AWS, recorded for its tests)"
GUIDE = "IAM User Guide"

FACTS = (
    # Quotas
    Fact(
        "a user has at most two access keys, and Inactive ones count",
        Evidence.DOCUMENTED,
        f"{GUIDE}, IAM and AWS STS quotas; Manage access keys for IAM users",
    ),
    Fact(
        "a third key is refused with 409 LimitExceeded, and that is a rejection",
        Evidence.RECORDED,
        SNAPSHOTS,
    ),
    Fact(
        "two creates at once may leave three keys: the quota is not atomic",
        Evidence.ASSUMED,
        f"{GUIDE}, Troubleshoot IAM (eventual consistency)",
    ),
    Fact(
        "a create has no idempotency token: sent twice, it makes two keys",
        Evidence.MODEL,
        "botocore, iam/2010-05-08, CreateAccessKeyRequest",
    ),
    Fact(
        "a user name is unique whatever its case",
        Evidence.DOCUMENTED,
        f"{GUIDE}, IAM and AWS STS quotas (names)",
    ),
    # Listings
    Fact(
        "a listing shows a key as it was a while ago, and the next may show it older still",
        Evidence.DOCUMENTED,
        f"{GUIDE}, Troubleshoot IAM (changes that I make are not always immediately visible)",
    ),
    Fact(
        "of two keys in one listing, one may be shown as it is and the other as it was",
        Evidence.ASSUMED,
        f"{GUIDE}, Troubleshoot IAM (eventual consistency)",
    ),
    Fact(
        "keys of a user who is not there are NoSuchEntity 404, and no empty listing",
        Evidence.RECORDED,
        SNAPSHOTS,
    ),
    Fact(
        "the creation date of a key has whole seconds",
        Evidence.DOCUMENTED,
        "IAM API Reference, CreateAccessKey (sample response)",
    ),
    # Keys as signers
    Fact(
        "STS does not know a new key for some seconds",
        Evidence.REPORTED,
        "hashicorp/go-secure-stdlib issue 10; hashicorp/vault issue 687; 99designs/aws-vault "
        "issue 170",
    ),
    Fact(
        "a new key that STS knew once may be unknown at the next call",
        Evidence.REPORTED,
        "hashicorp/vault issue 8413; boto/botocore issue 3600",
    ),
    Fact(
        "a new key is known in one region before it is known in another",
        Evidence.DOCUMENTED,
        f"{GUIDE}, Resilience in IAM (each Region's data plane is a replica)",
    ),
    Fact(
        "a wrong secret is SignatureDoesNotMatch, and no proof",
        Evidence.DOCUMENTED,
        "IAM User Guide, Troubleshoot Signature Version 4 requests",
    ),
    Fact(
        "a key that is switched off or deleted goes on working for some seconds, and no longer",
        Evidence.REPORTED,
        "OFFENSAI, Exploiting eventual consistency in AWS IAM (December 2025)",
    ),
    Fact(
        "a key that is Inactive is refused as one that AWS does not know",
        Evidence.REPORTED,
        "boto/botocore issue 3600 (InvalidClientTokenId)",
    ),
    # Last use
    Fact(
        "a use is shown minutes after it happened",
        Evidence.RECORDED,
        f"{SNAPSHOTS}: 430 s in one recording",
    ),
    Fact(
        "of the uses in one span of 15 minutes the first is recorded",
        Evidence.DOCUMENTED,
        f"{GUIDE}, Get credential reports (access_key_1_last_used_date)",
    ),
    Fact(
        "the spans may be quarters of an hour by the clock as well",
        Evidence.ASSUMED,
        f"{GUIDE}, Get credential reports (where a span begins is not said)",
    ),
    Fact(
        "a key that was never used has no date, and that is an answer",
        Evidence.RECORDED,
        SNAPSHOTS,
    ),
    Fact(
        "the last use of a key that there is not is AccessDenied 403, so unknown and not never",
        Evidence.RECORDED,
        SNAPSHOTS,
    ),
    Fact(
        "the last use of a deleted key is unknown at once",
        Evidence.ASSUMED,
        f"{SNAPSHOTS}: an unknown key is AccessDenied",
    ),
    Fact(
        "the last use of an Inactive key is shown",
        Evidence.RECORDED,
        f"{SNAPSHOTS}: the credential report carries it",
    ),
    Fact(
        "a call that was refused is no use",
        Evidence.ASSUMED,
        "IAM API Reference, GetAccessKeyLastUsed (not said)",
    ),
    # Errors
    Fact(
        "a request that is one too many is Throttling 400, and was not carried out",
        Evidence.DOCUMENTED,
        "AWS Knowledge Center, How do I troubleshoot API throttling or Rate exceeded errors for "
        "IAM and AWS STS?",
    ),
    Fact(
        "a server error says nothing of what was done",
        Evidence.MODEL,
        "botocore, iam/2010-05-08, ServiceFailureException (500)",
    ),
    Fact(
        "deleting a key that is gone is NoSuchEntity 404",
        Evidence.RECORDED,
        SNAPSHOTS,
    ),
    # Users
    Fact(
        "the keys of a renamed user follow it, and its UserId stays",
        Evidence.RECORDED,
        SNAPSHOTS,
    ),
    Fact(
        "a user of a name that was used before has another UserId",
        Evidence.DOCUMENTED,
        f"{GUIDE}, IAM identifiers (unique identifiers)",
    ),
    Fact(
        "a user with keys cannot be deleted: DeleteConflict 409",
        Evidence.MODEL,
        "botocore, iam/2010-05-08, DeleteUser (DeleteConflictException)",
    ),
    Fact(
        "what is told of a user may be stale: the name, the tags, and whether there is one",
        Evidence.RECORDED,
        f"{SNAPSHOTS}: a rename is looked at after a pause of 60 s",
    ),
    Fact(
        "AWS quarantines by attaching to the user a policy whose name begins alike each time",
        Evidence.DOCUMENTED,
        "AWS Managed Policy Reference, AWSCompromisedKeyQuarantineV4",
    ),
    Fact(
        "GetUser tells neither groups nor attached policies",
        Evidence.MODEL,
        "botocore, iam/2010-05-08, User",
    ),
    # The credential report
    Fact(
        "a report that was never asked for is ReportNotPresent 410",
        Evidence.RECORDED,
        SNAPSHOTS,
    ),
    Fact(
        "a report is started, in progress and then complete, and until then ReportInProgress 404",
        Evidence.DOCUMENTED,
        "IAM API Reference, GenerateCredentialReport; GetCredentialReport",
    ),
    Fact(
        "a report that has expired is ReportExpired 410 until another is made",
        Evidence.DOCUMENTED,
        "IAM API Reference, GetCredentialReport",
    ),
    Fact(
        "a report shows what was so when it was made, for up to four hours",
        Evidence.DOCUMENTED,
        f"{GUIDE}, Get credential reports",
    ),
    Fact(
        "a report has 22 columns and no key id",
        Evidence.RECORDED,
        SNAPSHOTS,
    ),
    Fact(
        "the slots of a report are not in the order in which the keys were made",
        Evidence.RECORDED,
        SNAPSHOTS,
    ),
    Fact(
        "a report says when an Inactive key was made, and true and false in lower case",
        Evidence.RECORDED,
        f"{SNAPSHOTS}; cloud-custodian issue 5551",
    ),
    Fact(
        "the first row of a report is the root user's",
        Evidence.DOCUMENTED,
        f"{GUIDE}, Get credential reports",
    ),
    # Places
    Fact(
        "the first version of a secret is its current one, though it was only to be pending",
        Evidence.DOCUMENTED,
        "Secrets Manager API Reference, PutSecretValue (VersionStages)",
    ),
    Fact(
        "a value that is staged is read by nobody until the label is moved to it",
        Evidence.DOCUMENTED,
        "Secrets Manager User Guide, What's in a secret (staging labels)",
    ),
    Fact(
        "a put that its sender has given up may be written later",
        Evidence.ASSUMED,
        "AWS Builders' Library, Timeouts, retries, and backoff with jitter",
    ),
    Fact(
        "a field that somebody else wrote into a shared value meanwhile is kept",
        Evidence.DOCUMENTED,
        "Vault, KV secrets engine v2 (cas); Kubernetes API concepts (resourceVersion)",
    ),
    Fact(
        "a write-only place tells at most when it was written",
        Evidence.DOCUMENTED,
        "GitHub REST API, Actions secrets (updated_at)",
    ),
    # Clocks
    Fact(
        "the Date of AWS's answers tells how far our clock is from AWS's",
        Evidence.DOCUMENTED,
        "RFC 9110, section 6.6.1 (Date)",
    ),
)
