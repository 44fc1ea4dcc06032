package mirror

import (
	"bytes"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// metaBucket holds the database's own rows; callers cannot name it.
var (
	metaBucket    = []byte("\x00mirror")
	keyUUID       = []byte("uuid")
	keyGeneration = []byte("generation")
	keyBranches   = []byte("branches")
)

// Tx is a transaction. It is valid only inside the function it was given to, on that goroutine. Byte slices that it
// returns must not be changed and are valid only as long as it is; those given to Put may be reused after the function
// has returned.
type Tx struct {
	btx *bolt.Tx
	ops []byte // encoded operations; unused in View
	n   int
}

// Get returns the value of a key, nil when there is none (or no such bucket).
func (tx *Tx) Get(bucket string, key []byte) []byte {
	b := tx.btx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.Get(key)
}

// Put sets a key, making the bucket when needed. Keys are 1 to 32768 bytes long.
func (tx *Tx) Put(bucket string, key, value []byte) error {
	return tx.apply(op{kind: opPut, bucket: []byte(bucket), key: key, value: value})
}

// Delete removes a key; a key that does not exist is no error.
func (tx *Tx) Delete(bucket string, key []byte) error {
	if tx.Get(bucket, key) == nil {
		return nil
	}
	return tx.apply(op{kind: opDelete, bucket: []byte(bucket), key: key})
}

// Clear removes a bucket with all its keys.
func (tx *Tx) Clear(bucket string) error {
	if tx.btx.Bucket([]byte(bucket)) == nil {
		return nil
	}
	return tx.apply(op{kind: opClear, bucket: []byte(bucket)})
}

func (tx *Tx) apply(o op) error {
	if !tx.btx.Writable() {
		return bolterrors.ErrTxNotWritable
	}
	if len(o.bucket) == 0 || o.bucket[0] == 0 {
		return fmt.Errorf("bucket name %q is not allowed", o.bucket)
	}
	if len(tx.ops)+len(o.bucket)+len(o.key)+len(o.value)+32 > maxPayload {
		return fmt.Errorf("update is larger than %d bytes", maxPayload)
	}
	if err := applyOp(tx.btx, o); err != nil {
		return err
	}
	tx.ops = appendOp(tx.ops, o)
	tx.n++
	return nil
}

// applyOp carries out one operation on the bbolt file.
func applyOp(btx *bolt.Tx, o op) error {
	switch o.kind {
	case opPut:
		b, err := btx.CreateBucketIfNotExists(o.bucket)
		if err != nil {
			return fmt.Errorf("bucket %q: %w", o.bucket, err)
		}
		// Most rows come in order of time: a page that is split in the middle would stay half empty for ever.
		b.FillPercent = 0.9
		// bbolt keeps the value's memory until commit; a caller may reuse its buffer before.
		if err := b.Put(o.key, bytes.Clone(o.value)); err != nil {
			return fmt.Errorf("put into %q: %w", o.bucket, err)
		}
	case opDelete:
		if b := btx.Bucket(o.bucket); b != nil {
			if err := b.Delete(o.key); err != nil {
				return fmt.Errorf("delete from %q: %w", o.bucket, err)
			}
		}
	case opClear:
		if btx.Bucket(o.bucket) != nil {
			if err := btx.DeleteBucket(o.bucket); err != nil {
				return fmt.Errorf("clear %q: %w", o.bucket, err)
			}
		}
	}
	return nil
}

// Buckets yields the names, in order, of the buckets whose names begin with prefix. No bucket must be made or cleared while
// ranging.
func (tx *Tx) Buckets(prefix string) iter.Seq[string] {
	return func(yield func(name string) bool) {
		c := tx.btx.Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, _ = c.Next() {
			if k[0] != 0 && !yield(string(k)) { // not the database's own
				return
			}
		}
	}
}

// Range yields keys and values in order of key from the first one at or after from, up to but without to; nil bounds are
// open. The bucket must not be changed while ranging.
func (tx *Tx) Range(bucket string, from, to []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		b := tx.btx.Bucket([]byte(bucket))
		if b == nil {
			return
		}
		c := b.Cursor()
		for k, v := c.Seek(from); k != nil && (to == nil || bytes.Compare(k, to) < 0); k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

// Descend yields keys and values in falling order of key from the last one before to (nil: the last of all), down to and
// including from. The bucket must not be changed while ranging.
func (tx *Tx) Descend(bucket string, from, to []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		b := tx.btx.Bucket([]byte(bucket))
		if b == nil {
			return
		}
		c := b.Cursor()
		var k, v []byte
		if to == nil {
			k, v = c.Last()
		} else if k, _ = c.Seek(to); k == nil {
			k, v = c.Last()
		} else {
			k, v = c.Prev()
		}
		for ; k != nil && bytes.Compare(k, from) >= 0; k, v = c.Prev() {
			if !yield(k, v) {
				return
			}
		}
	}
}
