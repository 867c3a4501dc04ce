package clients

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/util/retry"
)

func TestDiscoveryNamesEveryResource(t *testing.T) {
	c := connect(t)
	groups, lists, err := c.clients.Discovery().ServerGroupsAndResources()
	c.must(err)
	kinds := map[string]bool{}
	for _, list := range lists {
		for _, resource := range list.APIResources {
			kinds[list.GroupVersion+"/"+resource.Name] = true
		}
	}
	for _, name := range []string{
		"v1/pods", "v1/pods/status", "v1/pods/eviction", "v1/namespaces/finalize",
		"apps/v1/deployments/scale", "batch/v1/cronjobs/status", "coordination.k8s.io/v1/leases",
		"apiextensions.k8s.io/v1/customresourcedefinitions/status",
		"flowcontrol.apiserver.k8s.io/v1/flowschemas/status",
		"admissionregistration.k8s.io/v1/validatingadmissionpolicies/status",
	} {
		if !kinds[name] {
			c.Errorf("%s is not discovered", name)
		}
	}
	for _, group := range groups {
		if group.PreferredVersion.Version == "" {
			c.Errorf("%s prefers no version", group.Name)
		}
	}
	// The older documents, one for each group, say the same.
	legacy := discovery.NewDiscoveryClientForConfigOrDie(c.config)
	legacy.UseLegacyDiscovery = true
	_, before, err := legacy.ServerGroupsAndResources()
	c.must(err)
	count := 0
	for _, list := range before {
		for _, resource := range list.APIResources {
			count++
			if !kinds[list.GroupVersion+"/"+resource.Name] {
				c.Errorf("only the older document has %s/%s", list.GroupVersion, resource.Name)
			}
		}
	}
	if count != len(kinds) {
		c.Errorf("%d resources in the older documents, %d in the newer", count, len(kinds))
	}
}

func TestTheRestMapperFindsKindsAndResources(t *testing.T) {
	c := connect(t)
	mapper := restmapper.NewShortcutExpander(
		restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.clients.Discovery())),
		memory.NewMemCacheClient(c.clients.Discovery()), nil)
	found, err := mapper.ResourceFor(schema.GroupVersionResource{Resource: "deploy"})
	c.must(err)
	if found.String() != "apps/v1, Resource=deployments" {
		c.Errorf("deploy is %s", found)
	}
	mapping, err := mapper.RESTMapping(schema.GroupKind{Kind: "Namespace"})
	c.must(err)
	if mapping.Scope.Name() != "root" || mapping.Resource.Resource != "namespaces" {
		c.Errorf("Namespace is %v", mapping)
	}
}

func TestTheVersionIsTwoNumbers(t *testing.T) {
	c := connect(t)
	version, err := c.clients.Discovery().ServerVersion()
	c.must(err)
	if version.Major != "1" || strings.Trim(version.Minor, "0123456789") != "" || version.GitVersion == "" {
		c.Errorf("version %+v", version)
	}
}

func TestOpenAPIDescribesEveryGroup(t *testing.T) {
	c := connect(t)
	paths, err := c.clients.Discovery().OpenAPIV3().Paths()
	c.must(err)
	for _, path := range []string{"api/v1", "apis/apps/v1", "apis/events.k8s.io/v1"} {
		group, known := paths[path]
		if !known {
			c.Errorf("%s is not described", path)
			continue
		}
		describe(c, path, group)
	}
	document, err := c.clients.Discovery().OpenAPISchema()
	c.must(err)
	if len(document.Definitions.AdditionalProperties) < 300 {
		c.Errorf("%d definitions of version 2", len(document.Definitions.AdditionalProperties))
	}
}

func describe(c *cluster, path string, group openapi.GroupVersion) {
	for _, form := range []string{"application/json", "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"} {
		body, err := group.Schema(form)
		c.must(err)
		if form == "application/json" {
			var document struct {
				Components struct{ Schemas map[string]any }
			}
			c.must(json.Unmarshal(body, &document))
			if len(document.Components.Schemas) == 0 {
				c.Errorf("%s has no schemas", path)
			}
		}
	}
}

func TestTheScaleClientFindsWhatScales(t *testing.T) {
	c := connect(t)
	desired := wanted("web", "web:1")
	desired.Namespace = &c.namespace
	_, err := c.clients.AppsV1().Deployments(c.namespace).Apply(c.ctx, desired, metav1.ApplyOptions{FieldManager: "test"})
	c.must(err)
	cached := memory.NewMemCacheClient(c.clients.Discovery())
	scales, err := scale.NewForConfig(c.config, restmapper.NewDeferredDiscoveryRESTMapper(cached),
		dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(cached))
	c.must(err)
	target := schema.GroupResource{Group: "apps", Resource: "deployments"}
	c.must(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		got, err := scales.Scales(c.namespace).Get(c.ctx, target, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		got.Spec.Replicas = 4
		got, err = scales.Scales(c.namespace).Update(c.ctx, target, got, metav1.UpdateOptions{})
		if err == nil && (got.Spec.Replicas != 4 || got.Status.Selector != "app=web") {
			c.Errorf("scaled: %+v", got)
		}
		return err
	}))
}
