"""The calls that cannot be left out, and nothing else: python -m tests.bench.floor --threads 8.

What a client must ask that knows who is due from the credential report, and looks at just these
users: who we are, the users, the report; and of each who is due its identity, its keys, and when
they were last used. It prints the names of who is due.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config

MAX_AGE = timedelta(days=90)


def main() -> None:
    """Ask, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=8)
    threads = parser.parse_args().threads
    config = Config(
        max_pool_connections=threads, retries={"mode": "standard", "total_max_attempts": 10}
    )
    boto3.client("sts", region_name="us-east-1", config=config).get_caller_identity()
    iam = boto3.client("iam", region_name="us-east-1", config=config)
    details = iam.get_paginator("get_account_authorization_details")
    for page in details.paginate(Filter=["User"], PaginationConfig={"PageSize": 1000}):
        page["UserDetailList"]
    while iam.generate_credential_report()["State"] != "COMPLETE":
        pass
    report = iam.get_credential_report()["Content"].decode()
    names = [row["user"] for row in csv.DictReader(io.StringIO(report)) if _may_be_due(row)]

    def look(name: str) -> str | None:
        iam.get_user(UserName=name)
        keys = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
        for key in keys:
            iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
        return name if any(map(_is_due, keys)) else None

    with ThreadPoolExecutor(threads) as pool:
        due = [name for name in pool.map(look, names) if name]
    sys.stdout.write("\n".join(due) + "\n")


def _may_be_due(row: dict[str, str]) -> bool:
    before = datetime.now(UTC) - MAX_AGE
    return any(
        row[f"access_key_{slot}_active"] == "true"
        and datetime.fromisoformat(row[f"access_key_{slot}_last_rotated"]) <= before
        for slot in (1, 2)
    )


def _is_due(key: Any) -> bool:  # noqa: ANN401 - as boto3 gives one
    return bool(key["Status"] == "Active" and key["CreateDate"] <= datetime.now(UTC) - MAX_AGE)


if __name__ == "__main__":
    main()
