// kube-scheduler and kube-controller-manager in one program: the first argument says which.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	command := scheduler.NewSchedulerCommand()
	if os.Args[1] == "kube-controller-manager" {
		command = manager.NewControllerManagerCommand()
	}
	command.SetArgs(os.Args[2:])
	os.Exit(cli.Run(command))
}
