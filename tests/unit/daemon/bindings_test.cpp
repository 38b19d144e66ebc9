// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/bindings.h"

#include <catch2/catch.hpp>
#include <map>

#include "controlplane/daemon/alarm_event.h"
#include "controlplane/store/store_writer.h"

namespace {

using namespace heartgate;
using namespace heartgate::control;

const std::string kMacA("\2\0\0\0\0\xa", 6);
const std::string kMacB("\2\0\0\0\0\xb", 6);

IpAddress ip(const std::string& text) { return *IpAddress::from_text(text); }

struct Nothing : Store {
    Expected<StoredState> load(std::size_t) override { return StoredState{}; }
    Expected<void> write(const std::vector<StoreChange>&) override { return {}; }
};

struct Kernel : Neighbours {
    std::optional<Place> place(const IpAddress& /*address*/) override { return where; }
    std::optional<std::string> mac(const IpAddress& address) override {
        const auto entry = entries.find(address);
        return entry == entries.end() ? std::nullopt : std::optional{entry->second};
    }
    void solicit(const IpAddress& address) override { solicited.push_back(address); }
    bool own(const IpAddress& address) override { return address == ip("10.0.0.1"); }
    std::optional<Place> where = Place{.zone = "lan"};
    std::map<IpAddress, std::string> entries;
    std::vector<IpAddress> solicited;
};

struct Lan {
    Lan() {
        for (EndpointRecord* record : {&a, &b}) {
            record->stored.index = record == &a ? 1 : 2;
            record->stored.host = std::string(1, record == &a ? 'a' : 'b');
        }
    }
    // A heartbeat of `record` from `peer`, whose one interface has `mac` and `addresses`.
    std::size_t heard(EndpointRecord& record, const std::string& peer, const std::string& mac,
                      const std::vector<std::string>& addresses) {
        google::protobuf::RepeatedPtrField<v1::Interface> interfaces;
        v1::Interface& interface = *interfaces.Add();
        interface.set_mac(mac);
        for (const std::string& address : addresses) interface.add_addresses(ip(address).wire());
        record.peer = ip(peer);
        record.health.heartbeat(Instant{std::chrono::seconds{++beats}}, record.stored.index,
                                {.order = {1, beats}, .colour = contract::Colour::kGreen});
        return bindings.observe(record, ip(peer), interfaces).size();
    }
    [[nodiscard]] std::size_t events(v1::EventKind kind) const {
        std::size_t count = 0;
        for (const v1::Event& event : log.newest(100, "")) count += event.kind() == kind ? 1 : 0;
        return count;
    }

    std::uint64_t beats = 0;
    StoreWriter store{std::make_unique<Nothing>(), [](const std::function<void()>&) {}, [](const std::string&) {}};
    EventLog log{store, {}};
    HealthProducer producer;
    Kernel kernel;
    Bindings bindings{producer, kernel, log};
    EndpointRecord a;
    EndpointRecord b;
};

std::vector<IpAddress> addresses(const EndpointRecord& record) { return record.addresses(); }

}  // namespace

TEST_CASE("the observed address is bound, and the addresses of that interface that the kernel has with the same MAC") {
    Lan lan;
    lan.kernel.entries[ip("10.0.0.5")] = kMacA;
    lan.kernel.entries[ip("2001:db8::5")] = kMacA;
    CHECK(lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5", "2001:db8::5", "fe80::5"}) > 0);
    CHECK(addresses(lan.a) == std::vector<IpAddress>{ip("10.0.0.5"), ip("2001:db8::5")});
    CHECK(lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5", "2001:db8::5", "fe80::5"}) == 0);
}

TEST_CASE("an address that the machine does not have is behind NAT: reported once, not bound") {
    Lan lan;
    lan.kernel.entries[ip("10.0.0.5")] = kMacA;
    for (int turn = 0; turn < 3; ++turn) lan.heard(lan.a, "10.0.0.5", kMacB, {"192.168.1.7"});
    CHECK(addresses(lan.a).empty());
    CHECK(lan.events(v1::BEHIND_NAT) == 1);
}

TEST_CASE("a machine that is reached through another MAC than its own is not bound") {
    Lan lan;
    lan.kernel.entries[ip("10.0.0.5")] = kMacB;
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5"});
    CHECK(addresses(lan.a).empty());
    CHECK(lan.events(v1::BEHIND_NAT) == 1);
}

TEST_CASE("what the kernel does not know yet is asked again with the next heartbeat") {
    Lan lan;
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5"});
    CHECK(addresses(lan.a).empty());
    lan.kernel.entries[ip("10.0.0.5")] = kMacA;
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5"});
    CHECK(addresses(lan.a).size() == 1);
}

TEST_CASE("an address that the kernel has not seen is asked for, and bound once it is seen with that MAC") {
    Lan lan;
    lan.kernel.entries[ip("10.0.0.5")] = kMacA;
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5", "10.0.0.77"});
    CHECK(addresses(lan.a) == std::vector<IpAddress>{ip("10.0.0.5")});
    CHECK(lan.kernel.solicited == std::vector<IpAddress>{ip("10.0.0.77")});
    const bool its_own = GENERATE(true, false);
    lan.kernel.entries[ip("10.0.0.77")] = its_own ? kMacA : kMacB;
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5", "10.0.0.77"});
    CHECK(addresses(lan.a).size() == (its_own ? 2 : 1));
}

TEST_CASE("an agent's word alone binds neither another's address nor the appliance's own") {
    Lan lan;
    lan.kernel.entries[ip("10.0.0.5")] = kMacA;
    lan.kernel.entries[ip("10.0.0.6")] = kMacB;
    lan.kernel.entries[ip("10.0.0.7")] = kMacB;
    lan.heard(lan.b, "10.0.0.6", kMacB, {"10.0.0.6"});
    // .6 is bound to b, .7 is seen with b's MAC, .1 is the gateway.
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.1"});
    CHECK(addresses(lan.a) == std::vector<IpAddress>{ip("10.0.0.5")});
    CHECK(addresses(lan.b) == std::vector<IpAddress>{ip("10.0.0.6")});
}

TEST_CASE("an address moves when its former owner is gone, and raises an alarm while it is connected") {
    Lan lan;
    lan.kernel.entries[ip("10.0.0.5")] = kMacA;
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5"});
    lan.kernel.entries[ip("10.0.0.5")] = kMacB;
    lan.heard(lan.b, "10.0.0.5", kMacB, {"10.0.0.5"});
    lan.heard(lan.b, "10.0.0.5", kMacB, {"10.0.0.5"});
    CHECK(addresses(lan.b).empty());
    CHECK(lan.events(v1::SPOOF) == 1);

    lan.a.health.stream_closed(1);
    CHECK(lan.heard(lan.b, "10.0.0.5", kMacB, {"10.0.0.5"}) >= 2);  // both have changed
    CHECK(addresses(lan.a).empty());
    CHECK(addresses(lan.b) == std::vector<IpAddress>{ip("10.0.0.5")});
}

TEST_CASE("a healthy machine gives up an address that it no longer has, one that is cut off does not") {
    const bool cut_off = GENERATE(false, true);
    Lan lan;
    lan.kernel.entries[ip("10.0.0.5")] = kMacA;
    lan.kernel.entries[ip("10.0.0.9")] = kMacA;
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5"});
    if (cut_off) lan.a.decision = {CutOffCause::kColour, "internet"};
    lan.heard(lan.a, "10.0.0.9", kMacA, {"10.0.0.9"});
    CHECK(addresses(lan.a).size() == (cut_off ? 2 : 1));
}

TEST_CASE("a machine that is cut off and comes from ever new addresses keeps its MAC bound, to few of them") {
    Lan lan;
    lan.a.decision = {CutOffCause::kIsolated, ""};
    for (int host = 1; host <= 300; ++host) {
        const std::string address = "2001:db8::" + std::to_string(host);
        lan.kernel.entries[ip(address)] = kMacA;
        lan.heard(lan.a, address, kMacA, {address});
    }
    CHECK(lan.a.stored.bindings.size() == Bindings::kMostPerEndpoint);
    CHECK(lan.a.stored.bindings.back().address == ip("2001:db8::300"));
    // Another MAC does not push the first one out.
    lan.kernel.entries[ip("10.0.0.9")] = kMacB;
    lan.heard(lan.a, "10.0.0.9", kMacB, {"10.0.0.9"});
    CHECK(lan.a.stored.bindings.size() == Bindings::kMostPerEndpoint);
    CHECK(lan.a.stored.bindings.front().mac == kMacA);
    CHECK(lan.a.stored.bindings.back().mac == kMacB);
}

TEST_CASE("the MAC of a machine that is cut off does not move to another endpoint, that of a healthy one does") {
    const std::string state = GENERATE("healthy", "isolated by hand", "RED", "YELLOW", "MISSING");
    CAPTURE(state);
    Lan lan;
    lan.kernel.entries[ip("10.0.0.5")] = kMacA;
    lan.kernel.entries[ip("10.0.0.6")] = kMacA;
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5"});
    lan.a.health.stream_closed(1);  // its agent has been stopped
    if (state == "isolated by hand") lan.a.stored.manual_isolation = true;
    if (state == "RED") lan.a.health = {contract::Colour::kRed, contract::Presence::kAsleep, {}, {}};
    if (state == "YELLOW") lan.a.health = {contract::Colour::kYellow, contract::Presence::kConnected, {}, {}};
    if (state == "MISSING") lan.a.health = {contract::Colour::kGreen, contract::Presence::kMissing, {}, {}};
    const std::string from = GENERATE("10.0.0.5", "10.0.0.6");
    lan.heard(lan.b, from, kMacA, {from});
    lan.heard(lan.b, from, kMacA, {from});
    const bool moved = state == "healthy";
    CHECK(addresses(lan.a) == (moved ? std::vector<IpAddress>{} : std::vector<IpAddress>{ip("10.0.0.5")}));
    CHECK(addresses(lan.b) == (moved ? std::vector<IpAddress>{ip(from)} : std::vector<IpAddress>{}));
    CHECK(lan.events(v1::SPOOF) == (moved ? 0 : 1));
}

TEST_CASE("an address of a machine that is cut off and not connected moves to another MAC") {
    Lan lan;
    lan.kernel.entries[ip("10.0.0.5")] = kMacA;
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5"});
    lan.a.health.stream_closed(1);
    lan.a.stored.manual_isolation = true;
    lan.kernel.entries[ip("10.0.0.5")] = kMacB;
    lan.heard(lan.b, "10.0.0.5", kMacB, {"10.0.0.5"});
    CHECK(addresses(lan.b) == std::vector<IpAddress>{ip("10.0.0.5")});
}

TEST_CASE("in a routed zone the address that the heartbeat comes from is bound alone") {
    Lan lan;
    lan.kernel.where = Place{.zone = "campus", .routed = true, .by_router = true};
    CHECK(lan.heard(lan.a, "10.8.0.5", kMacA, {"10.8.0.5", "10.8.0.6"}) == 1);
    CHECK(lan.a.stored.bindings == std::vector<StoredBinding>{{kNoMac, ip("10.8.0.5")}});
    CHECK(lan.a.zone == "campus");
    // All machines have the switch's MAC address, so it says nothing.
    CHECK(lan.heard(lan.b, "10.8.0.7", kMacB, {"10.8.0.7"}) == 1);
    CHECK(addresses(lan.a) == std::vector<IpAddress>{ip("10.8.0.5")});
    CHECK(lan.bindings.machine_at(ip("10.8.0.5")) == &lan.a);
    CHECK(lan.bindings.machine_at(ip("10.8.0.6")) == nullptr);
    CHECK(lan.events(v1::BEHIND_NAT) == 0);
}

TEST_CASE("in a routed zone an address in use stays with its endpoint, and moves when that is gone") {
    Lan lan;
    lan.kernel.where = Place{.zone = "campus", .routed = true, .by_router = true};
    lan.heard(lan.a, "10.8.0.5", kMacA, {"10.8.0.5"});
    CHECK(lan.heard(lan.b, "10.8.0.5", kMacB, {"10.8.0.5"}) == 0);
    CHECK(lan.events(v1::SPOOF) == 1);
    CHECK(addresses(lan.b).empty());
    lan.a.health.stream_closed(1);
    CHECK(lan.heard(lan.b, "10.8.0.5", kMacB, {"10.8.0.5"}) > 0);
    CHECK(addresses(lan.b) == std::vector<IpAddress>{ip("10.8.0.5")});
    CHECK(addresses(lan.a).empty());
}

TEST_CASE(
    "in a routed zone an address that the agent does not have is behind NAT: reported, and nobody inherits its "
    "health") {
    Lan lan;
    lan.kernel.where = Place{.zone = "campus", .routed = true, .by_router = true};
    CHECK(lan.heard(lan.a, "10.8.0.5", kMacA, {"192.168.0.5"}) == 0);
    CHECK(addresses(lan.a).empty());
    CHECK(lan.events(v1::BEHIND_NAT) == 1);
    CHECK(lan.heard(lan.a, "10.8.0.5", kMacA, {"10.8.0.5"}) == 1);  // the same without a NAT router
}

TEST_CASE("behind a router an attached zone binds nothing, and says which role would") {
    Lan lan;
    lan.kernel.where = Place{.zone = "lan", .routed = false, .by_router = true};
    CHECK(lan.heard(lan.a, "10.8.0.5", kMacA, {"10.8.0.5"}) == 0);
    CHECK(addresses(lan.a).empty());
    REQUIRE(lan.events(v1::BEHIND_NAT) == 1);
    CHECK(lan.log.newest(1, "").front().text().find("behind a layer 3 switch the role is routed") != std::string::npos);
}

TEST_CASE("a machine that moves from a routed zone to its own segment is bound by its MAC again") {
    Lan lan;
    lan.kernel.where = Place{.zone = "campus", .routed = true, .by_router = true};
    lan.heard(lan.a, "10.8.0.5", kMacA, {"10.8.0.5"});
    lan.kernel.where = Place{.zone = "lan"};
    lan.kernel.entries[ip("10.0.0.5")] = kMacA;
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5"});
    CHECK(lan.a.stored.bindings == std::vector<StoredBinding>{{kMacA, ip("10.0.0.5")}});
    CHECK(lan.a.zone == "lan");
}

TEST_CASE("an alarm names who sent the frame and whose address it claims") {
    Lan lan;
    lan.kernel.entries = {{ip("10.0.0.5"), kMacA}, {ip("10.0.0.6"), kMacB}};
    lan.heard(lan.a, "10.0.0.5", kMacA, {"10.0.0.5"});
    lan.heard(lan.b, "10.0.0.6", kMacB, {"10.0.0.6"});
    v1::Alarm alarm;
    alarm.set_kind(v1::SPOOF);
    alarm.set_text("somebody claims 10.0.0.6");
    alarm.set_mac(kMacA);
    alarm.set_address(ip("10.0.0.6").wire());
    const v1::Event known = alarm_event(alarm, lan.bindings);
    CHECK(known.kind() == v1::SPOOF);
    CHECK(known.host() == "a");
    CHECK(known.text() == "somebody claims 10.0.0.6 (10.0.0.6 is b's)");
    CHECK(known.mac() == kMacA);
    CHECK(known.address() == ip("10.0.0.6").wire());

    alarm.set_mac(std::string("\2\0\0\0\0\xc", 6));
    alarm.set_address("?");
    alarm.set_text("some\x1b[31mbody");
    const v1::Event unknown = alarm_event(alarm, lan.bindings);
    CHECK(unknown.host().empty());
    CHECK(unknown.address().empty());
    CHECK(unknown.text() == "some[31mbody");
}
