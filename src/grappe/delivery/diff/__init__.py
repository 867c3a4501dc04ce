"""Does a live object have what its manifest says? The server itself answers, by a dry run of
server-side apply; here its answer is compared with what is live. Must never write.
"""
