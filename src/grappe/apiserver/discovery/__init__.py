"""What a client asks before it asks for objects: which APIs there are, which version, is it well.

Answers are bytes made once and kept until a CustomResourceDefinition changes what is served.
Never reads or writes objects. https://kubernetes.io/docs/concepts/overview/kubernetes-api/
"""
