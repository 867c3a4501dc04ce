"""Endpoints: where the pods of a Service are, in the older form that tools still read.

watches        services, pods, endpoints
owns           the Endpoints object that has the name of a Service with a selector
writes         that object
never touches  Endpoints of Services without a selector (`kubernetes` among them)

https://kubernetes.io/docs/concepts/services-networking/service/#endpoints
"""
