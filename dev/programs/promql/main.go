// Command promql answers, with Prometheus' own code, what the tests ask about alerts and dashboards.
//
//	promql selectors                 <EXPRESSIONS.json   metrics and labels that each expression reads
//	promql firing RULES.yaml MINUTES <SERIES.txt         alerts that fire after so many minutes
//
// EXPRESSIONS.json is a list of strings. SERIES.txt is in promtool's notation: `load 1m`, then a line for each
// series. Rules are evaluated every minute. The answer is JSON on stdout.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

type selector struct {
	Metric string   `json:"metric"`
	Labels []string `json:"labels"`
}

type firing struct {
	Alert       string            `json:"alert"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "promql:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	input, err := io.ReadAll(bufio.NewReader(os.Stdin))
	if err != nil {
		return err
	}
	var answer any
	switch {
	case len(args) == 1 && args[0] == "selectors":
		answer, err = selectors(input)
	case len(args) == 3 && args[0] == "firing":
		var minutes int
		if minutes, err = strconv.Atoi(args[2]); err == nil {
			answer, err = alerts(args[1], minutes, string(input))
		}
	default:
		err = errors.New("usage: promql selectors | promql firing RULES.yaml MINUTES")
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

func selectors(input []byte) ([][]selector, error) {
	var expressions []string
	if err := json.Unmarshal(input, &expressions); err != nil {
		return nil, err
	}
	answer := make([][]selector, 0, len(expressions))
	for _, text := range expressions {
		expression, err := parser.ParseExpr(text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		answer = append(answer, selectorsOf(expression))
	}
	return answer, nil
}

// selectorsOf lists what an expression reads. Labels that it groups by count for each metric below the grouping.
func selectorsOf(expression parser.Expr) []selector {
	found := []selector{}
	parser.Inspect(expression, func(node parser.Node, path []parser.Node) error {
		vector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		one := selector{Metric: vector.Name, Labels: []string{}}
		for _, matcher := range vector.LabelMatchers {
			if matcher.Name != labels.MetricName {
				one.Labels = append(one.Labels, matcher.Name)
			}
		}
		for _, above := range path {
			if aggregate, ok := above.(*parser.AggregateExpr); ok && !aggregate.Without {
				one.Labels = append(one.Labels, aggregate.Grouping...)
			}
		}
		found = append(found, one)
		return nil
	})
	return found
}

func alerts(path string, minutes int, series string) ([]firing, error) {
	groups, failures := rulefmt.ParseFile(path, false)
	if len(failures) > 0 {
		return nil, errors.Join(failures...)
	}
	loaded, err := promqltest.NewLazyLoader(series, promqltest.LazyLoaderOpts{EnableAtModifier: true})
	if err != nil {
		return nil, err
	}
	defer loaded.Close()
	var all []*rules.AlertingRule
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			made, err := alerting(rule)
			if err != nil {
				return nil, err
			}
			all = append(all, made)
		}
	}
	query := rules.EngineQueryFunc(loaded.QueryEngine(), loaded.Storage())
	for minute := range minutes {
		now := time.Unix(int64(minute)*60, 0).UTC()
		var failed error
		loaded.WithSamplesTill(now, func(err error) { failed = err })
		for _, rule := range all {
			if _, err := rule.Eval(loaded.Context(), 0, now, query, &url.URL{}, 0); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", rule.Name(), err))
			}
		}
		if failed != nil {
			return nil, failed
		}
	}
	answer := []firing{}
	for _, rule := range all {
		for _, alert := range rule.ActiveAlerts() {
			if alert.State == rules.StateFiring {
				answer = append(answer, firing{rule.Name(), alert.Labels.Map(), alert.Annotations.Map()})
			}
		}
	}
	return answer, nil
}

func alerting(rule rulefmt.Rule) (*rules.AlertingRule, error) {
	expression, err := parser.ParseExpr(rule.Expr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rule.Alert, err)
	}
	none := labels.EmptyLabels()
	given, told := labels.FromMap(rule.Labels), labels.FromMap(rule.Annotations)
	hold, keep := time.Duration(rule.For), time.Duration(rule.KeepFiringFor)
	return rules.NewAlertingRule(rule.Alert, expression, hold, keep, given, told, none, "", true, quiet()), nil
}

func quiet() *slog.Logger { return promslog.NewNopLogger() }
