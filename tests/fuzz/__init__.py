"""Whatever is sent, however it is sent: requests made from the server's own OpenAPI documents and
damaged in every way or made by schemathesis, hostile bytes on real connections, and very many
clients at once.

Runs are drawn from a seed, so that what a run finds can be found again.
`GRAPPE_FUZZ_REQUESTS` and `GRAPPE_FUZZ_SEED` make them longer and different.
"""
