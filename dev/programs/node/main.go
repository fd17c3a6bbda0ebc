// Command node is kubelet, kube-controller-manager and kube-scheduler in one binary, chosen by the name it is called by.
//
// With the control plane's binary they make a cluster that runs pods. They are apart from it because the demo and the
// tests need no node and need not wait for it to be built.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "kubelet":
		os.Exit(cli.Run(kubelet.NewKubeletCommand(context.Background())))
	case "kube-controller-manager":
		os.Exit(cli.Run(manager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "node: called as %q; link it as kubelet, kube-controller-manager or kube-scheduler\n", name)
		os.Exit(2)
	}
}
