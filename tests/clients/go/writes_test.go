package clients

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

func wanted(name, image string) *appsapply.DeploymentApplyConfiguration {
	labels := map[string]string{"app": name}
	return appsapply.Deployment(name, "").WithSpec(appsapply.DeploymentSpec().
		WithReplicas(1).
		WithSelector(metaapply.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(coreapply.PodTemplateSpec().WithLabels(labels).
			WithSpec(coreapply.PodSpec().WithContainers(
				coreapply.Container().WithName("main").WithImage(image)))))
}

func TestServerSideApply(t *testing.T) {
	c := connect(t)
	deployments := c.clients.AppsV1().Deployments(c.namespace)
	desired := wanted("web", "web:1")
	desired.Namespace = &c.namespace
	one := metav1.ApplyOptions{FieldManager: "one"}
	made, err := deployments.Apply(c.ctx, desired, one)
	c.must(err)
	if made.ManagedFields[0].Manager != "one" || made.ManagedFields[0].Operation != "Apply" {
		c.Fatalf("owned by %v", made.ManagedFields)
	}
	// A new annotation counts as a generation of a Deployment, and its controller adds one.
	c.must(wait.PollUntilContextTimeout(c.ctx, 20*time.Millisecond, time.Minute, true,
		func(ctx context.Context) (bool, error) {
			made, err = deployments.Get(ctx, "web", metav1.GetOptions{})
			return err == nil && made.Annotations["deployment.kubernetes.io/revision"] != "", err
		}))
	again, err := deployments.Apply(c.ctx, desired, one)
	c.must(err)
	if again.Generation != made.Generation {
		c.Fatal("applying the same again is a change")
	}

	desired.Spec.WithReplicas(3)
	_, err = deployments.Apply(c.ctx, desired, metav1.ApplyOptions{FieldManager: "two"})
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), ".spec.replicas") {
		c.Fatalf("a conflict over replicas, not %v", err)
	}
	_, err = deployments.Apply(c.ctx, desired, metav1.ApplyOptions{FieldManager: "two", Force: true})
	c.must(err)
	live, err := deployments.Get(c.ctx, "web", metav1.GetOptions{})
	c.must(err)
	owned, err := appsapply.ExtractDeployment(live, "one")
	c.must(err)
	if owned.Spec.Replicas != nil || *owned.Spec.Template.Spec.Containers[0].Image != "web:1" {
		c.Fatalf("the first manager owns %+v", owned.Spec)
	}
	status := appsapply.Deployment("web", c.namespace).WithStatus(
		appsapply.DeploymentStatus().WithConditions(appsapply.DeploymentCondition().
			WithType("Checked").WithStatus(corev1.ConditionTrue)))
	live, err = deployments.ApplyStatus(c.ctx, status, one)
	c.must(err)
	found := false
	for _, condition := range live.Status.Conditions {
		found = found || condition.Type == "Checked"
	}
	if !found {
		c.Fatalf("no condition Checked: %v", live.Status)
	}
}

func TestPatchesOfEveryType(t *testing.T) {
	c := connect(t)
	deployments := c.clients.AppsV1().Deployments(c.namespace)
	labels := map[string]string{"app": "web"}
	_, err := deployments.Create(c.ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	c.must(err)
	images := func(kind types.PatchType, patch string) string {
		got, err := deployments.Patch(c.ctx, "web", kind, []byte(patch), metav1.PatchOptions{})
		c.must(err)
		var found []string
		for _, container := range got.Spec.Template.Spec.Containers {
			found = append(found, container.Image)
		}
		return strings.Join(found, " ")
	}
	const around = `{"spec":{"template":{"spec":{"containers":[%s]}}}}`
	if got := images(types.StrategicMergePatchType, fmt.Sprintf(around, `{"name":"b","image":"b:1"}`)); got != "b:1 a:1" {
		c.Errorf("strategic merge: %s", got)
	}
	if got := images(types.MergePatchType, fmt.Sprintf(around, `{"name":"c","image":"c:1"}`)); got != "c:1" {
		c.Errorf("merge: %s", got)
	}
	const path = `"path":"/spec/template/spec/containers/0/image"`
	if got := images(types.JSONPatchType, `[{"op":"test",`+path+`,"value":"c:1"},{"op":"replace",`+path+`,"value":"c:2"}]`); got != "c:2" {
		c.Errorf("JSON patch: %s", got)
	}
	_, err = deployments.Patch(c.ctx, "web", types.JSONPatchType,
		[]byte(`[{"op":"test",`+path+`,"value":"other"}]`), metav1.PatchOptions{})
	if !apierrors.IsInvalid(err) {
		c.Errorf("a failed test is invalid, not %v", err)
	}
}

func TestErrorsAreWhatGoLooksFor(t *testing.T) {
	c := connect(t)
	maps := c.clients.CoreV1().ConfigMaps(c.namespace)
	made, err := maps.Create(c.ctx, configMap("a", nil), metav1.CreateOptions{})
	c.must(err)
	_, err = maps.Create(c.ctx, configMap("a", nil), metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		c.Errorf("not AlreadyExists: %v", err)
	}
	_, err = maps.Get(c.ctx, "none", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		c.Errorf("not NotFound: %v", err)
	}
	stale := made.DeepCopy()
	made.Data = map[string]string{"k": "1"}
	_, err = maps.Update(c.ctx, made, metav1.UpdateOptions{})
	c.must(err)
	stale.Data = map[string]string{"k": "2"}
	_, err = maps.Update(c.ctx, stale, metav1.UpdateOptions{})
	if !apierrors.IsConflict(err) {
		c.Errorf("not Conflict: %v", err)
	}
	wrong := types.UID("00000000-0000-0000-0000-000000000000")
	err = maps.Delete(c.ctx, "a", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrong}})
	if !apierrors.IsConflict(err) {
		c.Errorf("not Conflict: %v", err)
	}
	_, err = c.clients.CoreV1().Pods(c.namespace).Create(c.ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "Bad_Name"},
	}, metav1.CreateOptions{})
	var status apierrors.APIStatus = err.(*apierrors.StatusError)
	if !apierrors.IsInvalid(err) || len(status.Status().Details.Causes) < 2 {
		c.Errorf("not Invalid with its causes: %v", err)
	}
	_, err = maps.Watch(c.ctx, metav1.ListOptions{FieldSelector: "data.k=1"})
	if !apierrors.IsBadRequest(err) {
		c.Errorf("not BadRequest: %v", err)
	}
}

func TestWritersThatRetryOnConflictLoseNothing(t *testing.T) {
	c := connect(t)
	maps := c.clients.CoreV1().ConfigMaps(c.namespace)
	_, err := maps.Create(c.ctx, configMap("counted", map[string]string{}), metav1.CreateOptions{})
	c.must(err)
	tries := wait.Backoff{Steps: 100, Duration: 5 * time.Millisecond, Jitter: 1}
	var writers sync.WaitGroup
	for n := range 8 {
		writers.Go(func() {
			err := retry.OnError(tries, apierrors.IsConflict, func() error {
				live, err := maps.Get(c.ctx, "counted", metav1.GetOptions{})
				if err != nil {
					return err
				}
				if live.Data == nil {
					live.Data = map[string]string{}
				}
				live.Data[fmt.Sprintf("k%d", n)] = "here"
				_, err = maps.Update(c.ctx, live, metav1.UpdateOptions{})
				return err
			})
			if err != nil {
				c.Errorf("%d: %v", n, err)
			}
		})
	}
	writers.Wait()
	live, err := maps.Get(c.ctx, "counted", metav1.GetOptions{})
	c.must(err)
	if len(live.Data) != 8 {
		c.Fatalf("lost: %v", live.Data)
	}
}

func TestPagesSelectorsAndMetadata(t *testing.T) {
	c := connect(t)
	maps := c.clients.CoreV1().ConfigMaps(c.namespace)
	for n := range 7 {
		_, err := maps.Create(c.ctx, configMap(fmt.Sprintf("c-%d", n), map[string]string{"big": "data"}), metav1.CreateOptions{})
		c.must(err)
	}
	pages := pager.New(pager.SimplePageFunc(func(o metav1.ListOptions) (runtime.Object, error) {
		o.LabelSelector = "made-by=test"
		return maps.List(c.ctx, o)
	}))
	pages.PageSize = 3
	seen := 0
	c.must(pages.EachListItem(c.ctx, metav1.ListOptions{}, func(runtime.Object) error { seen++; return nil }))
	if seen != 7 {
		c.Errorf("%d of 7 in pages", seen)
	}
	one, err := maps.List(c.ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", "c-3").String()})
	c.must(err)
	if len(one.Items) != 1 || one.Items[0].Name != "c-3" {
		c.Errorf("by field: %v", one.Items)
	}
	partial, err := metadata.NewForConfigOrDie(protobuf(c.config)).
		Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(c.namespace).
		List(c.ctx, metav1.ListOptions{LabelSelector: "made-by=test", Limit: 5})
	c.must(err)
	if len(partial.Items) != 5 || partial.Continue == "" || partial.Items[0].Labels["made-by"] != "test" {
		c.Errorf("metadata: %d items, %q", len(partial.Items), partial.Continue)
	}
	c.must(maps.DeleteCollection(c.ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "made-by=test"}))
	left, err := maps.List(c.ctx, metav1.ListOptions{LabelSelector: "made-by=test"})
	c.must(err)
	if len(left.Items) != 0 {
		c.Errorf("left: %v", left.Items)
	}
}

func TestWarningsReachTheirHandler(t *testing.T) {
	c := connect(t)
	config := rest.CopyConfig(c.config)
	said := &said{}
	config.WarningHandlerWithContext = nil
	config.WarningHandler = said
	raw := kubernetes.NewForConfigOrDie(config).CoreV1().RESTClient()
	err := raw.Post().Resource("configmaps").Namespace(c.namespace).
		Body([]byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"typo":1}`)).
		Do(c.ctx).Error()
	c.must(err)
	if fmt.Sprint(said.texts) != `[unknown field "typo"]` {
		c.Fatalf("warned: %v", said.texts)
	}
}

type said struct{ texts []string }

func (s *said) HandleWarningHeader(code int, _ string, text string) {
	s.texts = append(s.texts, text)
}

func TestSubresources(t *testing.T) {
	c := connect(t)
	accounts := c.clients.CoreV1().ServiceAccounts(c.namespace)
	_, err := accounts.Create(c.ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{})
	c.must(err)
	seconds := int64(600)
	token, err := accounts.CreateToken(c.ctx, "robot", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
	c.must(err)
	review, err := c.clients.AuthenticationV1().TokenReviews().Create(c.ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token}}, metav1.CreateOptions{})
	c.must(err)
	if review.Status.User.Username != "system:serviceaccount:"+c.namespace+":robot" {
		c.Errorf("reviewed: %+v", review.Status)
	}
	desired := wanted("web", "web:1")
	desired.Namespace = &c.namespace
	deployments := c.clients.AppsV1().Deployments(c.namespace)
	_, err = deployments.Apply(c.ctx, desired, metav1.ApplyOptions{FieldManager: "test"})
	c.must(err)
	c.must(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		scale, err := deployments.GetScale(c.ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		scale.Spec.Replicas = 2
		scale, err = deployments.UpdateScale(c.ctx, "web", scale, metav1.UpdateOptions{})
		if err == nil && scale.Spec.Replicas != 2 {
			c.Errorf("scaled: %+v", scale)
		}
		return err
	}))
	pods := c.clients.CoreV1().Pods(c.namespace)
	var victim string
	c.until("two pods run", func() (bool, error) {
		list, err := pods.List(c.ctx, metav1.ListOptions{LabelSelector: "app=web", FieldSelector: "status.phase=Running"})
		if err != nil || len(list.Items) != 2 {
			return false, err
		}
		victim = list.Items[0].Name
		return true, nil
	})
	c.must(pods.EvictV1(c.ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: victim, Namespace: c.namespace}}))
	c.until("the evicted pod is gone", func() (bool, error) {
		_, err := pods.Get(c.ctx, victim, metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
}
