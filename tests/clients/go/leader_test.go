package clients

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func TestOneLeaderAtATime(t *testing.T) {
	c := connect(t)
	leads := make(chan string, 4)
	run := func(name string) context.CancelFunc {
		ctx, cancel := context.WithCancel(c.ctx)
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Name: "led", Namespace: c.namespace},
				Client:     c.clients.CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: name},
			},
			LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 100 * time.Millisecond,
			ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leads <- name },
				OnStoppedLeading: func() {},
			},
		})
		c.must(err)
		go elector.Run(ctx)
		return cancel
	}
	next := func(wanted string) {
		select {
		case got := <-leads:
			if got != wanted {
				c.Fatalf("%s leads instead of %s", got, wanted)
			}
		case <-c.ctx.Done():
			c.Fatalf("%s never led", wanted)
		}
	}
	stop := run("first")
	next("first")
	defer run("second")()
	lease, err := c.clients.CoordinationV1().Leases(c.namespace).Get(c.ctx, "led", metav1.GetOptions{})
	c.must(err)
	if *lease.Spec.HolderIdentity != "first" {
		c.Fatalf("held by %s", *lease.Spec.HolderIdentity)
	}
	stop() // gives the lease back
	next("second")
	lease, err = c.clients.CoordinationV1().Leases(c.namespace).Get(c.ctx, "led", metav1.GetOptions{})
	c.must(err)
	if *lease.Spec.HolderIdentity != "second" || *lease.Spec.LeaseTransitions < 1 {
		c.Fatalf("lease %+v", lease.Spec)
	}
}
