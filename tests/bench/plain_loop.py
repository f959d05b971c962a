"""What AWS's documentation teaches: list the users, their keys, and when each was last used.

The way of "AWS SDK examples: manage access keys" (ListUsers, ListAccessKeys and
GetAccessKeyLastUsed, by paginators), for everybody. It prints the names of who is due.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import boto3

MAX_AGE = timedelta(days=90)


def main() -> None:
    """Ask about everybody, and print who is due."""
    iam = boto3.client("iam", region_name="us-east-1")
    for page in iam.get_paginator("list_users").paginate():
        for user in page["Users"]:
            due = False
            keys = iam.get_paginator("list_access_keys").paginate(UserName=user["UserName"])
            for key in (key for each in keys for key in each["AccessKeyMetadata"]):
                iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
                is_old = key["CreateDate"] <= datetime.now(UTC) - MAX_AGE
                due = due or (key["Status"] == "Active" and is_old)
            if due:
                sys.stdout.write(f"{user['UserName']}\n")


if __name__ == "__main__":
    main()
