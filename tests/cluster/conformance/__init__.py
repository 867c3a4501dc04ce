"""What Kubernetes' conformance tests demand, as tests of ours over HTTPS: docs/conformance.md."""
