package biletter

import (
	"net/http"
	"net/url"
	"strings"
)

// startPayment sends the visitor to the payment gateway. The lab's gateway
// approves every payment at once, so its page is the success page itself.
func (s *Service) startPayment(w http.ResponseWriter, r *http.Request, user int64) {
	booking, err := readBooking(w, r)
	if err != nil {
		badRequest(w, err)
		return
	}
	order, err := s.office.startPayment(user, booking)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Location", "/api/payments/success?orderId="+url.QueryEscape(order))
	w.WriteHeader(http.StatusFound)
}

// paymentResult is where the gateway sends the visitor back to.
func (s *Service) paymentResult(paid bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		done(w, s.office.settle(r.URL.Query().Get("orderId"), paid))
	}
}

// paymentNotification is where the gateway tells the service how a payment
// ended. An order that is not known (any more) is acknowledged as well: a
// gateway repeats what is refused.
func (s *Service) paymentNotification(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Payment string `json:"paymentId"`
		Status  string `json:"status"`
	}
	if err := readBody(w, r, &body); err != nil {
		badRequest(w, err)
		return
	}
	_ = s.office.settle(body.Payment, strings.EqualFold(body.Status, "CONFIRMED"))
	w.WriteHeader(http.StatusOK)
}
