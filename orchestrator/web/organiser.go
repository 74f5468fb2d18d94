package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// Organisers are the pages on which organisers sign in and change things. Those
// whose part is nil are not served.
type Organisers struct {
	Token  string // what they sign in with; nobody can without one
	Spends Spends
}

// desk serves the organisers' pages: who may see them, and that what changes
// something was sent from one of them.
type desk struct {
	*site
	token    string
	tries    *tries
	origin   *http.CrossOriginProtection
	sections []section
}

// section is one of the organisers' pages as the others link to it.
type section struct{ Path, Title string }

// member answers a request of an organiser who is signed in.
type member func(w http.ResponseWriter, r *http.Request, who session) error

func (s *site) organise(mux *http.ServeMux, o *Organisers) {
	d := &desk{site: s, token: o.Token, tries: newTries(), origin: http.NewCrossOriginProtection()}
	if u, err := url.Parse(s.PublicURL); err == nil && u.Host != "" {
		// Behind a proxy that changes the Host a browser still names the public one.
		_ = d.origin.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	mux.HandleFunc("GET /organisers", d.serve(d.home))
	mux.HandleFunc("GET /organisers/{$}", d.serve(d.home))
	mux.HandleFunc("GET /organisers/", d.serve(s.missing))
	mux.HandleFunc("GET /organisers/login", d.serve(d.loginPage))
	mux.HandleFunc("POST /organisers/login", d.serve(d.fromHere(d.login)))
	mux.HandleFunc("POST /organisers/logout", d.serve(d.change(d.logout)))
	if o.Spends != nil {
		d.sections = append(d.sections, section{"/organisers/spend", "Spend"})
		p := spendPages{d, o.Spends}
		mux.HandleFunc("GET /organisers/spend", d.serve(d.signedIn(p.sheet)))
		mux.HandleFunc("GET /organisers/spend/{slug}", d.serve(d.signedIn(p.team)))
		mux.HandleFunc("POST /organisers/spend/{slug}", d.serve(d.change(p.enter)))
	}
	if s.Operations != nil {
		d.operate(mux, s.Operations)
	}
}

// serve adds what all these pages have: nothing is kept by anyone, and a refusal
// becomes a page.
func (d *desk) serve(h answer) http.HandlerFunc {
	return d.try(func(w http.ResponseWriter, r *http.Request) error {
		head := w.Header()
		head.Set("Cache-Control", "no-store")
		err := h(w, r)
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			return err
		}
		body := troublePage{refusal.Code, refusal.Text, refusal.Hint}
		return d.render(w, r, "trouble", frame{Title: refusal.Text, Code: refusal.Code, Body: body})
	}, d.errorPage)
}

// signedIn sends whoever is not signed in to where that is done.
func (d *desk) signedIn(h member) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, ok := d.sessions.of(r)
		if !ok {
			http.Redirect(w, r, "/organisers/login", http.StatusSeeOther)
			return nil
		}
		return h(w, r, who)
	}
}

// fromHere lets only forms of ours through, as far as the browser tells.
func (d *desk) fromHere(h answer) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := d.origin.Check(r); err != nil {
			return &Refusal{http.StatusForbidden, "This form was sent from another site", "Nothing was changed. Open the page here and send its form."}
		}
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		if err := r.ParseForm(); err != nil {
			return &Refusal{http.StatusBadRequest, "The form cannot be read", "Nothing was changed. Open the page again and send its form."}
		}
		return h(w, r)
	}
}

// change lets a form through that an organiser sent from a page of their session.
func (d *desk) change(h member) answer {
	return d.fromHere(func(w http.ResponseWriter, r *http.Request) error {
		who, ok := d.sessions.of(r)
		if !ok {
			return &Refusal{http.StatusForbidden, "You are not signed in any more", "Nothing was changed. Sign in at /organisers/login and send the form again."}
		}
		if !sameSecret(r.PostFormValue("form"), who.form) {
			return &Refusal{http.StatusForbidden, "This form is not from your session", "Nothing was changed. Open the page again and send its form."}
		}
		return h(w, r, who)
	})
}

// deskPage is what each of these pages has.
type deskPage struct {
	Sections []section
	At       string // path of the section that is shown
	Form     string // what a form proves its origin by
	Body     any
}

func (d *desk) page(who session, at string, body any) deskPage {
	return deskPage{Sections: d.sections, At: at, Form: who.form, Body: body}
}

func (d *desk) home(w http.ResponseWriter, r *http.Request) error {
	if len(d.sections) == 0 {
		return ErrNotFound
	}
	http.Redirect(w, r, d.sections[0].Path, http.StatusSeeOther)
	return nil
}

func (d *desk) loginPage(w http.ResponseWriter, r *http.Request) error {
	if _, ok := d.sessions.of(r); ok {
		return d.home(w, r)
	}
	return d.askForToken(w, r, http.StatusOK, "")
}

func (d *desk) askForToken(w http.ResponseWriter, r *http.Request, code int, problem string) error {
	if d.token == "" {
		return &Refusal{http.StatusForbidden, "Nobody can sign in", "The server has no ADMIN_TOKEN. Start it with one, and sign in with that."}
	}
	return d.render(w, r, "login", frame{Title: "Sign in", Code: code, Body: problem})
}

// login begins a session for whoever knows the token.
func (d *desk) login(w http.ResponseWriter, r *http.Request) error {
	client := clientOf(r)
	switch {
	case d.token == "":
		return d.askForToken(w, r, http.StatusForbidden, "")
	case !d.tries.left(client):
		w.Header().Set("Retry-After", fmt.Sprint(int(wrongEvery.Seconds())))
		return d.askForToken(w, r, http.StatusTooManyRequests, "Too many wrong tokens came from your address. Wait a minute and try again.")
	case !sameSecret(r.PostFormValue("token"), d.token):
		d.tries.wrong(client)
		d.Log.WarnContext(r.Context(), "organiser's sign-in refused: wrong token", "client", client)
		return d.askForToken(w, r, http.StatusUnauthorized, "This is not the token. It is the server's ADMIN_TOKEN.")
	}
	if old, ok := d.sessions.of(r); ok {
		d.sessions.end(old)
	}
	http.SetCookie(w, d.sessionCookieFor(r, d.sessions.begin()))
	return d.home(w, r)
}

func (d *desk) logout(w http.ResponseWriter, r *http.Request, who session) error {
	d.sessions.end(who)
	http.SetCookie(w, d.sessionCookieFor(r, ""))
	http.Redirect(w, r, "/organisers/login", http.StatusSeeOther)
	return nil
}
