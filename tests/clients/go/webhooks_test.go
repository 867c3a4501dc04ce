package clients

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/go-logr/logr"
)

// sommelier says a wine's temperature, and refuses what is no wine.
type sommelier struct {
	sync.Mutex
	asked []string
}

func (s *sommelier) note(ctx context.Context, what string) {
	request, err := admission.RequestFromContext(ctx)
	if err != nil {
		what += " " + err.Error()
	} else if request.DryRun != nil && *request.DryRun {
		what += " dry"
	}
	s.Lock()
	defer s.Unlock()
	s.asked = append(s.asked, what)
}

func (s *sommelier) taken() string {
	s.Lock()
	defer s.Unlock()
	found := strings.Join(s.asked, ", ")
	s.asked = nil
	return found
}

func (s *sommelier) Default(ctx context.Context, wine *corev1.ConfigMap) error {
	request, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	s.note(ctx, "default "+string(request.Operation))
	if request.Operation == admissionv1.Create && wine.Data["colour"] == "red" {
		wine.Data["temperature"] = "17"
	}
	return nil
}

func (s *sommelier) ValidateCreate(ctx context.Context, wine *corev1.ConfigMap) (admission.Warnings, error) {
	s.note(ctx, "create")
	if wine.Data["colour"] == "blue" {
		return nil, errors.New("no wine is blue")
	}
	return admission.Warnings{"drink in moderation"}, nil
}

func (s *sommelier) ValidateUpdate(ctx context.Context, old, wine *corev1.ConfigMap) (admission.Warnings, error) {
	s.note(ctx, "update")
	if before, now := old.Data["colour"], wine.Data["colour"]; before != now {
		return nil, fmt.Errorf("%s does not become %s", before, now)
	}
	return nil, nil
}

func (s *sommelier) ValidateDelete(ctx context.Context, wine *corev1.ConfigMap) (admission.Warnings, error) {
	s.note(ctx, "delete")
	if wine.Data["vintage"] == "1947" {
		return nil, errors.New("nobody throws that away")
	}
	return nil, nil
}

// warned keeps the warnings of a client.
type warned struct {
	sync.Mutex
	texts []string
}

func (w *warned) HandleWarningHeader(_ int, _ string, text string) {
	w.Lock()
	defer w.Unlock()
	w.texts = append(w.texts, text)
}

// hooks are the configurations of both webhooks, for the maps of the test's namespace.
func hooks(c *cluster) envtest.WebhookInstallOptions {
	const mutating, validating = "mutate--v1-configmap", "validate--v1-configmap" // the builder's paths
	none, v1 := registrationv1.SideEffectClassNone, []string{"v1"}
	to := func(path string) registrationv1.WebhookClientConfig {
		// envtest makes it the URL of the server here, with the server's own certificate as caBundle.
		return registrationv1.WebhookClientConfig{
			Service: &registrationv1.ServiceReference{Name: "cellar", Namespace: c.namespace, Path: &path},
		}
	}
	rules := func(operations ...registrationv1.OperationType) []registrationv1.RuleWithOperations {
		return []registrationv1.RuleWithOperations{{
			Operations: operations,
			Rule:       registrationv1.Rule{APIGroups: []string{""}, APIVersions: v1, Resources: []string{"configmaps"}},
		}}
	}
	here := &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: c.namespace}}
	wines := &metav1.LabelSelector{MatchLabels: map[string]string{"made-by": "test"}}
	name := metav1.ObjectMeta{Name: c.namespace}
	return envtest.WebhookInstallOptions{
		MutatingWebhooks: []*registrationv1.MutatingWebhookConfiguration{{
			ObjectMeta: name,
			Webhooks: []registrationv1.MutatingWebhook{{
				Name: "default.cellar.example.com", ClientConfig: to(mutating), SideEffects: &none,
				AdmissionReviewVersions: v1, NamespaceSelector: here, ObjectSelector: wines,
				Rules: rules(registrationv1.Create, registrationv1.Update),
			}},
		}},
		ValidatingWebhooks: []*registrationv1.ValidatingWebhookConfiguration{{
			ObjectMeta: name,
			Webhooks: []registrationv1.ValidatingWebhook{{
				Name: "check.cellar.example.com", ClientConfig: to(validating), SideEffects: &none,
				AdmissionReviewVersions: v1, NamespaceSelector: here, ObjectSelector: wines,
				Rules: rules(registrationv1.Create, registrationv1.Update, registrationv1.Delete),
			}},
		}},
	}
}

func TestAManagersWebhooksAreAsked(t *testing.T) {
	c := connect(t)
	log.SetLogger(logr.Discard())
	options := hooks(c)
	c.must(options.PrepWithoutInstalling())
	t.Cleanup(func() {
		if err := options.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	hookServer := webhook.NewServer(webhook.Options{
		Host: options.LocalServingHost, Port: options.LocalServingPort, CertDir: options.LocalServingCertDir,
	})
	manager, err := ctrl.NewManager(c.config, ctrl.Options{
		Metrics: server.Options{BindAddress: "0"}, WebhookServer: hookServer,
	})
	c.must(err)
	taster := &sommelier{}
	c.must(ctrl.NewWebhookManagedBy(manager, &corev1.ConfigMap{}).
		WithDefaulter(taster).WithValidator(taster).Complete())
	ctx, stop := context.WithCancel(c.ctx)
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	c.until("the webhooks are served", func() (bool, error) {
		return hookServer.StartedChecker()(nil) == nil, nil
	})
	install(c, options)

	said := &warned{}
	config := rest.CopyConfig(protobuf(c.config))
	config.WarningHandler = said
	maps := kubernetes.NewForConfigOrDie(config).CoreV1().ConfigMaps(c.namespace)
	asked := func(wanted string) {
		t.Helper()
		if got := taster.taken(); got != wanted {
			t.Fatalf("asked %q, not %q", got, wanted)
		}
	}
	dry := []string{metav1.DryRunAll}
	red := configMap("a", map[string]string{"colour": "red", "vintage": "1947"})
	made, err := maps.Create(c.ctx, red, metav1.CreateOptions{DryRun: dry})
	c.must(err)
	if made.Data["temperature"] != "17" {
		t.Fatalf("a dry run makes %v", made.Data)
	}
	asked("default CREATE dry, create dry")
	made, err = maps.Create(c.ctx, red, metav1.CreateOptions{})
	c.must(err)
	if made.Data["temperature"] != "17" {
		t.Fatalf("made %v", made.Data)
	}
	asked("default CREATE, create")
	if got := strings.Join(said.texts, ", "); got != "drink in moderation, drink in moderation" {
		t.Fatalf("warned %q", got)
	}
	refused := func(err error, hook, why string) {
		t.Helper()
		text := fmt.Sprintf("admission webhook %q denied the request: %s", hook, why)
		if !apierrors.IsForbidden(err) || err.Error() != text {
			t.Fatalf("refused by %v, not %s", err, text)
		}
	}
	const check = "check.cellar.example.com"
	_, err = maps.Create(c.ctx, configMap("b", map[string]string{"colour": "blue"}), metav1.CreateOptions{})
	refused(err, check, "no wine is blue")
	asked("default CREATE, create")
	made.Data["colour"] = "white"
	_, err = maps.Update(c.ctx, made, metav1.UpdateOptions{})
	refused(err, check, "red does not become white")
	asked("default UPDATE, update")
	refused(maps.Delete(c.ctx, "a", metav1.DeleteOptions{}), check, "nobody throws that away")
	asked("delete")
	other := configMap("other", nil)
	other.Labels = nil
	_, err = maps.Create(c.ctx, other, metav1.CreateOptions{})
	c.must(err)
	asked("")
}

// install registers the webhooks until the end of the test. The server asks them from then on.
func install(c *cluster, options envtest.WebhookInstallOptions) {
	c.Helper()
	registered := c.clients.AdmissionregistrationV1()
	for _, hook := range options.MutatingWebhooks {
		_, err := registered.MutatingWebhookConfigurations().Create(c.ctx, hook, metav1.CreateOptions{})
		c.must(err)
	}
	for _, hook := range options.ValidatingWebhooks {
		_, err := registered.ValidatingWebhookConfigurations().Create(c.ctx, hook, metav1.CreateOptions{})
		c.must(err)
	}
	c.Cleanup(func() {
		ctx := context.Background()
		for _, err := range []error{
			registered.MutatingWebhookConfigurations().Delete(ctx, c.namespace, metav1.DeleteOptions{}),
			registered.ValidatingWebhookConfigurations().Delete(ctx, c.namespace, metav1.DeleteOptions{}),
		} {
			if err != nil {
				c.Error(err)
			}
		}
	})
}
