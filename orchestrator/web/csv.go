package web

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// byteOrderMark tells Excel that a file is UTF-8; without it, it shows Cyrillic
// names as noise.
const byteOrderMark = "\uFEFF"

// resultsCSV is the results table for spreadsheets: a row per team.
func (s *site) resultsCSV(w http.ResponseWriter, r *http.Request, v view) error {
	table, err := s.standings(r.Context(), v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(byteOrderMark)
	if err := csv.NewWriter(&b).WriteAll(table.records()); err != nil {
		return fmt.Errorf("write results as CSV: %w", err)
	}
	w.Header().Set("Content-Disposition", `attachment; filename="results.csv"`)
	send(w, r, content{code: http.StatusOK, kind: "text/csv; charset=utf-8", body: b.Bytes()})
	return nil
}

// records are the table's cells, the first row its head. Where a team has no
// verdict in a criterion, both of its cells are empty.
func (s standings) records() [][]string {
	head := []string{"rank", "tied", "slug", "name", "total"}
	for _, c := range s.Criteria {
		head = append(head, string(c)+"_status", string(c)+"_score")
	}
	all := [][]string{head}
	for _, row := range s.Rows {
		cells := []string{
			strconv.Itoa(row.Rank), strconv.FormatBool(row.Tied),
			harmless(string(row.Team.Slug)), harmless(teamName(row.Team, longText)), strconv.Itoa(row.Total),
		}
		for _, c := range s.Criteria {
			v, ok := row.Verdicts[c]
			if !ok {
				cells = append(cells, "", "")
				continue
			}
			cells = append(cells, string(v.Status), strconv.Itoa(v.Score))
		}
		all = append(all, cells)
	}
	return all
}

// harmless keeps a spreadsheet from taking a team's text for a formula: it gets
// an apostrophe before what would begin one, also in the wide letters that some
// programs take for the same.
func harmless(cell string) string {
	if first, _ := utf8.DecodeRuneInString(cell); strings.ContainsRune("=+-@＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}
