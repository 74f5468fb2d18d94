package biletter

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hackload-kz/hackload/scenarios"
)

// Size of the catalogue and where its ids begin, as in the contest's data.
const (
	activeEvents   = 2000
	archivedEvents = 20_000
	firstArchived  = 100_000
	onSaleDays     = 90
)

// World is the data that a service starts from. It never changes, so any number
// of services may share one.
type World struct {
	events  *catalogue
	members map[string]member
}

// member is a user as a service keeps one: no password, only its hash.
type member struct {
	id       int64
	password [sha256.Size]byte
	active   bool
}

// NewWorld makes the data: events on sale in the 90 days after today, an archive
// of the years 2015 to 2024 with something on every day, and the sample users.
// The same day gives the same world.
func NewWorld(today time.Time) (*World, error) {
	users, err := scenarios.SampleUsers()
	if err != nil {
		return nil, fmt.Errorf("make world: %w", err)
	}
	members := make(map[string]member, len(users))
	for _, u := range users {
		members[u.Email] = member{id: u.ID, password: sha256.Sum256([]byte(u.Password)), active: u.Active}
	}
	return &World{events: newCatalogue(generateEvents(today)), members: members}, nil
}

// event is one entry of the catalogue.
type event struct {
	id    int64
	title string
	date  string // YYYY-MM-DD
}

// generateEvents makes the catalogue's entries in order of id. Event 1 is the
// concert with seats.
func generateEvents(today time.Time) []event {
	rng := rand.New(rand.NewPCG(42, 2025))
	events := make([]event, 0, activeEvents+archivedEvents)
	concert := event{id: stadiumEvent, title: "Концерт на стадионе", date: dayAfter(today, 30)}
	events = append(events, concert)
	for id := int64(2); id <= activeEvents; id++ {
		events = append(events, event{id: id, title: title(rng), date: dayAfter(today, 1+rng.IntN(onSaleDays))})
	}
	first := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	days := int(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Sub(first).Hours() / 24)
	for i := range int64(archivedEvents) {
		events = append(events, event{id: firstArchived + i, title: title(rng), date: dayAfter(first, int(i)%days)})
	}
	return events
}

func dayAfter(day time.Time, n int) string {
	return day.AddDate(0, 0, n).Format(time.DateOnly)
}

// title makes an event's title. The contest's search words occur among them.
func title(rng *rand.Rand) string {
	kinds := []string{"Концерт", "Спектакль", "Чемпионат", "Фестиваль", "Лекция", "Выставка", "Турнир по покеру «Азарт»"}
	acts := []string{
		"Дмитрий Козлов", "Красная шапочка", "Айгерим Омарова", "Симфонический оркестр", "Щелкунчик",
		"Звёзды цирка", "Джаз под открытым небом", "Қазақ әуендері", "Rock & Roll Forever", "Наурыз",
	}
	if rng.IntN(25) == 0 {
		return `Экспозиция "Звездные войны"`
	}
	if rng.IntN(10) == 0 {
		return "Азарт: " + acts[rng.IntN(len(acts))]
	}
	return kinds[rng.IntN(len(kinds))] + ": " + acts[rng.IntN(len(acts))]
}
