package engine

import (
	"errors"
	"io/fs"
	"os"
)

// mark is a file on tmpfs that is there once an engine has begun to record since the machine started.
type mark string

func (m mark) there() bool {
	_, err := os.Stat(string(m))
	return err == nil
}

func (m mark) set() error {
	f, err := os.Create(string(m))
	if err != nil {
		return err
	}
	return f.Close()
}

func (m mark) remove() error {
	if err := os.Remove(string(m)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
