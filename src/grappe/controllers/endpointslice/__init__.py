"""EndpointSlice: where the pods of a Service are, in slices of at most 100.

watches        services, pods, nodes, endpointslices
owns           EndpointSlices labelled `endpointslice.kubernetes.io/managed-by:
               endpointslice-controller.k8s.io`
writes         those
never touches  slices of others; Services without a selector (`kubernetes` among them)

https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
"""
