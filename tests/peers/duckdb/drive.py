"""Asks DuckDB what is in a Parquet file of ours, and prints it as one JSON object."""

import json
import sys

import duckdb

path = sys.argv[1]
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
messages = f"read_parquet('{path}')"


def ask(question):
    return connection.execute(question).fetchone()


count, topics, retained = ask(
    f"SELECT count(*), count(DISTINCT topic), count(*) FILTER (retained) FROM {messages}"
)
sum_n, sum_temperature = ask(
    f"""SELECT sum((text::JSON ->> '$.n')::BIGINT)::BIGINT, sum((text::JSON ->> '$.temperature')::DOUBLE)
        FROM {messages} WHERE text IS NOT NULL"""
)
# As text, so that no time zone library is needed.
first, last = ask(
    f"""SELECT strftime(min(time) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%f+00:00'),
               strftime(max(time) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%f+00:00') FROM {messages}"""
)
(without_text,) = ask(f"SELECT count(*) FROM {messages} WHERE text IS NULL")
(text,) = ask(f"SELECT text FROM {messages} WHERE (text::JSON ->> '$.n')::BIGINT = 4711")
(payload,) = ask(f"SELECT lower(hex(payload)) FROM {messages} WHERE text IS NULL")
(row_groups,) = ask(f"SELECT count(DISTINCT row_group_id) FROM parquet_metadata('{path}')")
print(
    json.dumps(
        {
            "messages": count,
            "topics": topics,
            "retained": retained,
            "sum_n": sum_n,
            "sum_temperature": sum_temperature,
            "first": first,
            "last": last,
            "without_text": without_text,
            "text": text,
            "payload_of_the_odd": payload,
            "row_groups": row_groups,
        }
    )
)
