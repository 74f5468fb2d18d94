module github.com/hackload-kz/hackload/xk6-hackload

go 1.26.7

require (
	github.com/grafana/sobek v0.0.0-20260727154728-7781506a890f
	github.com/hackload-kz/hackload v0.0.0
	github.com/sirupsen/logrus v1.9.3
	go.k6.io/k6/v2 v2.2.0
)

// Both live in one repository and are built together.
replace github.com/hackload-kz/hackload => ../
