package metric

// Builtin holds the metrics that k6 itself fills, under k6's names.
type Builtin struct {
	HTTPReqs, HTTPReqFailed, HTTPReqDuration              *Metric
	HTTPReqBlocked, HTTPReqConnecting                     *Metric
	HTTPReqTLSHandshaking, HTTPReqSending, HTTPReqWaiting *Metric
	HTTPReqReceiving                                      *Metric

	Iterations, IterationDuration, DroppedIterations *Metric
	DataSent, DataReceived                           *Metric
	VUs, VUsMax                                      *Metric
	Checks, GroupDuration                            *Metric

	WSSessions, WSMessagesSent, WSMessagesReceived *Metric
	WSConnecting, WSSessionDuration, WSPing        *Metric
}

func newBuiltin(r *Registry) *Builtin {
	b := &Builtin{}
	for _, row := range []struct {
		to       **Metric
		name     string
		kind     Kind
		contains Contains
	}{
		{&b.HTTPReqs, "http_reqs", Counter, Default},
		{&b.HTTPReqFailed, "http_req_failed", Rate, Default},
		{&b.HTTPReqDuration, "http_req_duration", Trend, Time},
		{&b.HTTPReqBlocked, "http_req_blocked", Trend, Time},
		{&b.HTTPReqConnecting, "http_req_connecting", Trend, Time},
		{&b.HTTPReqTLSHandshaking, "http_req_tls_handshaking", Trend, Time},
		{&b.HTTPReqSending, "http_req_sending", Trend, Time},
		{&b.HTTPReqWaiting, "http_req_waiting", Trend, Time},
		{&b.HTTPReqReceiving, "http_req_receiving", Trend, Time},
		{&b.Iterations, "iterations", Counter, Default},
		{&b.IterationDuration, "iteration_duration", Trend, Time},
		{&b.DroppedIterations, "dropped_iterations", Counter, Default},
		{&b.DataSent, "data_sent", Counter, Data},
		{&b.DataReceived, "data_received", Counter, Data},
		{&b.VUs, "vus", Gauge, Default},
		{&b.VUsMax, "vus_max", Gauge, Default},
		{&b.Checks, "checks", Rate, Default},
		{&b.GroupDuration, "group_duration", Trend, Time},
		{&b.WSSessions, "ws_sessions", Counter, Default},
		{&b.WSMessagesSent, "ws_msgs_sent", Counter, Default},
		{&b.WSMessagesReceived, "ws_msgs_received", Counter, Default},
		{&b.WSConnecting, "ws_connecting", Trend, Time},
		{&b.WSSessionDuration, "ws_session_duration", Trend, Time},
		{&b.WSPing, "ws_ping", Trend, Time},
	} {
		m := &Metric{Name: row.name, Kind: row.kind, Contains: row.contains, index: len(r.byName)}
		r.byName[row.name] = m
		*row.to = m
	}
	return b
}
