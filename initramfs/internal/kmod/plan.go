package kmod

import (
	"fmt"
	"strings"
)

// Param is one word of the kernel command line, split at its "=".
type Param struct{ Key, Value string }

// Settings are what the kernel command line says about modules.
type Settings struct {
	params    map[string]string // module → its parameters, as the kernel wants them
	blacklist map[string]bool
}

// NewSettings picks out what concerns modules.
func NewSettings(line []Param) Settings {
	s := Settings{params: map[string]string{}, blacklist: map[string]bool{}}
	for _, p := range line {
		module, param, ok := strings.Cut(p.Key, ".")
		if !ok || module == "" || param == "" {
			continue
		}
		module = underscores(module)
		if module == "modprobe" {
			if param == "blacklist" {
				for name := range strings.SplitSeq(p.Value, ",") {
					s.blacklist[underscores(name)] = true
				}
			}
			continue
		}
		word := param
		if p.Value != "" {
			value := p.Value
			if strings.ContainsAny(value, " \t") {
				value = `"` + value + `"`
			}
			word += "=" + value
		}
		s.params[module] = strings.TrimPrefix(s.params[module]+" "+word, " ")
	}
	return s
}

// Step is one module to load.
type Step struct {
	Module string
	File   string // relative to the modules' folder
	Params string
	// Optional: only softdeps ask for it, so its failure is no failure of what was asked for.
	Optional bool
}

// Plan says what to load, in order, for a name or an alias: softdeps "pre", dependencies, the module, softdeps "post",
// each of them with its own; nothing twice. The blacklist keeps modules from being found by alias, not by name.
// A name that stands for nothing is an error; one for something built in gives an empty plan.
func (x *Index) Plan(name string, s Settings) ([]Step, error) {
	modules, byAlias, found := x.Resolve(name)
	if !found {
		return nil, fmt.Errorf("module %s: %w", name, ErrUnknown)
	}
	p := planner{x: x, s: s, state: map[string]bool{}, at: map[string]int{}}
	for _, m := range modules {
		if byAlias && s.blacklist[m] {
			continue
		}
		p.add(m, false)
	}
	return p.steps, nil
}

type planner struct {
	x     *Index
	s     Settings
	state map[string]bool // seen
	at    map[string]int  // where in steps, once there
	steps []Step
}

func (p *planner) add(module string, optional bool) {
	if p.state[module] {
		if i, ok := p.at[module]; ok && !optional {
			p.steps[i].Optional = false
		}
		return
	}
	p.state[module] = true
	p.soft(p.x.pre[module])
	// modules.dep lists the whole closure, in the order in which to remove.
	needs := p.x.needs[module]
	for i := len(needs) - 1; i >= 0; i-- {
		p.add(needs[i], optional)
	}
	p.at[module] = len(p.steps)
	p.steps = append(p.steps, Step{Module: module, File: p.x.files[module], Params: p.s.params[module], Optional: optional})
	p.soft(p.x.post[module])
}

func (p *planner) soft(names []string) {
	for _, name := range names {
		modules, byAlias, _ := p.x.Resolve(name)
		for _, m := range modules {
			if !(byAlias && p.s.blacklist[m]) {
				p.add(m, true)
			}
		}
	}
}
