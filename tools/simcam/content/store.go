package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Store makes loops and remembers them, on disk and in memory.
type Store struct {
	folder string

	mu    sync.Mutex
	video map[Video]*VideoLoop
	audio map[Audio]*AudioLoop
}

// NewStore returns a store that keeps its files in folder; an empty folder means "vigie/simcam" in the user's cache
// folder ($XDG_CACHE_HOME, else ~/.cache).
func NewStore(folder string) (*Store, error) {
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("find the cache folder: %w", err)
		}
		folder = filepath.Join(cache, "vigie", "simcam")
	}
	return &Store{folder: folder, video: make(map[Video]*VideoLoop), audio: make(map[Audio]*AudioLoop)}, nil
}

// Video returns the loop of a spec; the first time ever it takes ffmpeg seconds to a minute to make it.
func (s *Store) Video(ctx context.Context, v Video) (*VideoLoop, error) {
	if err := v.Check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.video[v]; l != nil {
		return l, nil
	}
	b, err := s.file(ctx, v.key()+"."+v.Codec, func(ctx context.Context) ([]byte, error) { return encodeVideo(ctx, v) })
	if err != nil {
		return nil, err
	}
	l, err := loadVideo(v, b)
	if err != nil {
		return nil, fmt.Errorf("video %+v: %w", v, err)
	}
	s.video[v] = l
	return l, nil
}

// Audio returns the loop of a spec.
func (s *Store) Audio(ctx context.Context, a Audio) (*AudioLoop, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.audio[a]; l != nil {
		return l, nil
	}
	l, err := s.loadAudio(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("audio %+v: %w", a, err)
	}
	s.audio[a] = l
	return l, nil
}

// file returns the cached file of a name, or makes it. Two processes that make the same file at once both succeed:
// the last rename wins, with equal meaning.
func (s *Store) file(ctx context.Context, name string, make func(context.Context) ([]byte, error)) ([]byte, error) {
	path := filepath.Join(s.folder, name)
	b, err := os.ReadFile(path)
	if err == nil {
		return b, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read cached content: %w", err)
	}
	if b, err = make(ctx); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.folder, 0o755); err != nil {
		return nil, fmt.Errorf("make cache folder: %w", err)
	}
	f, err := os.CreateTemp(s.folder, name+".*.tmp")
	if err != nil {
		return nil, fmt.Errorf("write cached content: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write cached content: %w", err), os.Remove(f.Name()))
	}
	return b, nil
}
