package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Labels and annotations of a launch's objects and Pods. A value that is no legal
// label (a long one, or one that ends in "_") is an annotation of the same name.
const (
	labelLaunch   = "hackload.kz/launch" // the objects' common name
	labelKind     = "hackload.kz/kind"
	labelTestID   = "hackload.kz/testid"
	labelTeam     = "hackload.kz/team"
	labelScenario = "hackload.kz/scenario"
	labelLevel    = "hackload.kz/level"
	labelScript   = "hackload.kz/script" // of a record: the ConfigMap with its script

	kindRecord = "record"
	kindScript = "script"
)

const (
	namePrefix = "k6-"
	nameStem   = 36 // bytes of a testid that its name shows
	nameHash   = 10 // hex digits
)

// Name returns what the objects of a launch are called. The operator makes
// longer names of it, for Services too, so it begins with a letter and is short.
// The hash keeps testids apart that look the same once they are in small letters
// without underscores.
func Name(id contest.TestID) string {
	stem := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, string(id))
	stem = strings.Trim(stem[:min(len(stem), nameStem)], "-")
	return namePrefix + stem + "-" + digest([]byte(id))[:nameHash]
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// tell puts values into labels where they are legal there, else into annotations.
func tell(values map[string]string) (labels, annotations map[string]string) {
	labels, annotations = map[string]string{}, map[string]string{}
	for k, v := range values {
		if len(validation.IsValidLabelValue(v)) == 0 {
			labels[k] = v
		} else {
			annotations[k] = v
		}
	}
	return labels, annotations
}
