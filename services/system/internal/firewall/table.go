package firewall

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

const (
	tableName = "vigie"
	// revision begins the name of an empty chain that says which ruleset is in the kernel.
	revision = "revision_"

	maxCallers   = 4096 // of each family
	callerMemory = time.Minute

	// How long a way by which packets came is not examined again, nor noticed to be wrong here: the kernel's own reverse path
	// filter is strict meanwhile, and what it takes for somebody else's goes no further than the chain forwarding.
	checkedFor = 4 * time.Second
	maxChecked = 4096
)

// Count is what a counter says.
type Count struct{ Packets, Bytes uint64 }

// Table is the machine's one table of rules in the kernel, of the network namespace in which it was made.
type Table struct {
	conn  *nftables.Conn
	table *nftables.Table
}

// NewTable returns the table without looking at the kernel's.
func NewTable() (*Table, error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("packet filter: %w", err)
	}
	return &Table{conn: conn, table: &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}}, nil
}

// Apply makes the kernel's rules what r says, in one transaction, and says whether that took a change.
func (t *Table) Apply(r Ruleset) (changed bool, err error) {
	there, err := t.chains()
	if err != nil {
		return false, err
	}
	if whole, err := t.holds(r, there); err != nil || whole {
		return false, err
	}
	err = t.replace(r, there)
	if err != nil && len(there) > 0 {
		// Whoever made those chains made others than ours; connections outlive their end, counters do not.
		t.conn.DelTable(t.table)
		err = t.replace(r, nil)
	}
	return err == nil, err
}

// chains are the names of those that the kernel has in the table.
func (t *Table) chains() ([]string, error) {
	list, err := t.conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, fmt.Errorf("packet filter: list chains: %w", err)
	}
	var names []string
	for _, c := range list {
		if c.Table.Name == tableName {
			names = append(names, c.Name)
		}
	}
	return names, nil
}

// holds tells whether the kernel has just these rules: it says so itself, and each chain has as many as it should.
func (t *Table) holds(r Ruleset, there []string) (bool, error) {
	if len(there) != len(r.chains)+1 || !slices.Contains(there, revision+r.digest()) {
		return false, nil
	}
	for _, c := range r.chains {
		if !slices.Contains(there, c.name) {
			return false, nil
		}
		rules, err := t.conn.GetRules(t.table, &nftables.Chain{Name: c.name, Table: t.table})
		if err != nil {
			return false, fmt.Errorf("packet filter: list rules: %w", err)
		}
		if len(rules) != len(c.rules) {
			return false, nil
		}
	}
	return true, nil
}

// replace has the kernel take all of r at once, or nothing. Chains that it has already are kept and filled anew: a new
// chain in place of an old one would let packets meet both for a moment.
func (t *Table) replace(r Ruleset, there []string) error {
	t.conn.AddTable(t.table)
	made := map[string]*nftables.Chain{}
	for _, c := range r.chains {
		made[c.name] = t.conn.AddChain(t.chain(c))
	}
	for _, z := range Zones() {
		for _, reason := range Reasons() {
			t.conn.AddObj(&nftables.CounterObj{Table: t.table, Name: counter(z, reason)})
		}
	}
	t.conn.FlushTable(t.table)
	for _, s := range t.sets(r) {
		if err := t.conn.AddSet(s.set, nil); err != nil {
			return err
		}
		if s.set.Dynamic && s.set.Name != setChecked {
			continue // it remembers callers
		}
		t.conn.FlushSet(s.set)
		if err := t.conn.SetAddElements(s.set, s.elements); err != nil {
			return err
		}
	}
	for _, c := range r.chains {
		for _, exprs := range c.rules {
			t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: made[c.name], Exprs: exprs})
		}
	}
	now := revision + r.digest()
	for _, name := range there {
		if made[name] == nil && name != now {
			t.conn.DelChain(&nftables.Chain{Name: name, Table: t.table})
		}
	}
	t.conn.AddChain(&nftables.Chain{Name: now, Table: t.table})
	if err := t.conn.Flush(); err != nil {
		return fmt.Errorf("packet filter: %w", err)
	}
	return nil
}

func (t *Table) chain(c chain) *nftables.Chain {
	n := &nftables.Chain{Name: c.name, Table: t.table}
	if c.hook != nil {
		policy := nftables.ChainPolicyAccept
		if c.hook.drop {
			policy = nftables.ChainPolicyDrop
		}
		n.Type, n.Policy = nftables.ChainTypeFilter, &policy
		n.Hooknum = nftables.ChainHookRef(nftables.ChainHook(c.hook.number))
		n.Priority = nftables.ChainPriorityRef(nftables.ChainPriority(c.hook.priority))
	}
	return n
}

type set struct {
	set      *nftables.Set
	elements []nftables.SetElement
}

func (t *Table) sets(r Ruleset) []set {
	names := func(list []string) (out []nftables.SetElement) {
		for _, n := range list {
			out = append(out, nftables.SetElement{Key: ifname(n)})
		}
		return out
	}
	var pairs []nftables.SetElement
	for _, p := range r.neighbours {
		pairs = append(pairs, nftables.SetElement{Key: append(ifname(p[0]), ifname(p[1])...)})
	}
	callers := func(name string, key nftables.SetDatatype) set {
		return set{set: &nftables.Set{Table: t.table, Name: name, KeyType: key, Dynamic: true, HasTimeout: true, Timeout: callerMemory, Size: maxCallers}}
	}
	return []set{
		{&nftables.Set{Table: t.table, Name: setOf(Office), KeyType: nftables.TypeIFName, KeyByteOrder: binaryutil.NativeEndian}, names(r.members[Office])},
		{&nftables.Set{Table: t.table, Name: setOf(Cameras), KeyType: nftables.TypeIFName, KeyByteOrder: binaryutil.NativeEndian}, names(r.members[Cameras])},
		{&nftables.Set{Table: t.table, Name: setNeighbours, KeyType: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIFName), Concatenation: true}, pairs},
		callers(setCallers4, nftables.TypeIPAddr),
		callers(setCallers6, nftables.TypeIP6Addr),
		{set: &nftables.Set{Table: t.table, Name: setChecked, KeyType: nftables.MustConcatSetType(nftables.TypeIFIndex, nftables.TypeIPAddr, nftables.TypeIPAddr),
			Concatenation: true, Dynamic: true, HasTimeout: true, Timeout: checkedFor, Size: maxChecked}},
	}
}

// Counts says what was dropped, by zone and reason. Without a table it is an error.
func (t *Table) Counts() (map[Zone]map[string]Count, error) {
	objects, err := t.conn.GetObjects(t.table)
	if err != nil {
		return nil, fmt.Errorf("packet filter: counters: %w", err)
	}
	out := map[Zone]map[string]Count{}
	for _, o := range objects {
		c, ok := o.(*nftables.CounterObj)
		if !ok {
			continue
		}
		zone, reason, ok := strings.Cut(c.Name, "_")
		if !ok || !slices.Contains(Zones(), Zone(zone)) || !slices.Contains(Reasons(), reason) {
			continue
		}
		if out[Zone(zone)] == nil {
			out[Zone(zone)] = map[string]Count{}
		}
		out[Zone(zone)][reason] = Count{c.Packets, c.Bytes}
	}
	if len(out) == 0 {
		return nil, errors.New("packet filter: there are no counters")
	}
	return out, nil
}

// Remove takes the table out of the kernel: everything is open again. For tests and measurements.
func (t *Table) Remove() error {
	t.conn.AddTable(t.table) // so that there is one
	t.conn.DelTable(t.table)
	return t.conn.Flush()
}

// digest tells rulesets apart.
func (r Ruleset) digest() string {
	h := sha256.New()
	for _, c := range r.chains {
		fmt.Fprintf(h, "chain %q %d\n", c.name, len(c.rules))
		if c.hook != nil {
			fmt.Fprintf(h, "hook %+v\n", *c.hook)
		}
		for _, exprs := range c.rules {
			write(h, exprs)
		}
	}
	for _, z := range Zones() {
		fmt.Fprintf(h, "%s %q\n", z, r.members[z])
	}
	fmt.Fprintf(h, "%q\n", r.neighbours)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func write(w io.Writer, exprs []expr.Any) {
	for _, e := range exprs {
		b, err := expr.Marshal(unix.NFPROTO_INET, e)
		fmt.Fprintf(w, "%x %v\n", b, err)
	}
}
