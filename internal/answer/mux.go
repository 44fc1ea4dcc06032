package answer

import "net/http"

// Routes maps patterns of http.ServeMux to handlers that answer by themselves or return the error to answer with.
type Routes map[string]func(w http.ResponseWriter, r *http.Request) error

// Mux serves routes of the named service; whatever else is asked for is refused in the shape of every error.
func Mux(service string, routes Routes) http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				Fail(w, err)
			}
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		Fail(w, Refuse(http.StatusNotFound, "not_found", "The "+service+" service has nothing at "+r.Method+" "+r.URL.Path+"."))
	})
	return mux
}
