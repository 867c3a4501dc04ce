"""Secrets on disk: which resources are encrypted in the database file, and with which keys.

The file that says so is Kubernetes' `EncryptionConfiguration`, `DATA_DIR/pki/encryption.json`.
Must never log a key or a decrypted value, nor import `cryptography` before something is sealed.
"""

from grappe.apiserver.encryption.sealer import Sealer, sealer_of

__all__ = ["Sealer", "sealer_of"]
