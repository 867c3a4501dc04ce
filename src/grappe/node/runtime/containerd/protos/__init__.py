"""CRI and containerd's events as protobuf: `*.proto` and, compiled from them, `descriptors.bin`.

Only data: message classes are made from the descriptors at run time (`messages.py`), so that no
generated code ties grappe to one protobuf release.
"""
