// SPDX-License-Identifier: Apache-2.0
#include "script.h"

#include <catch2/catch.hpp>
#include <functional>
#include <sstream>
#include <stdexcept>

#include "dataplane/packet/address_text.h"
#include "dataplane/policy/compiled_policy.h"
#include "heartgate/v1/policy.pb.h"

namespace heartgate::dataplane::test {

namespace {

using contract::Colour;
using contract::EndpointState;
using contract::Presence;

struct Line {
    int number = 0;
    std::string text;
    std::vector<std::string> expected;
};

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(' ');
    if (first == std::string::npos) return "";
    return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// The margin is that of the first line.
std::vector<Line> lines_of(const std::string& script) {
    std::vector<Line> lines;
    std::istringstream stream{script};
    std::string text;
    std::size_t margin = std::string::npos;
    for (int number = 1; std::getline(stream, text); ++number) {
        const std::string content = trimmed(text);
        if (content.empty() || content.front() == '#') continue;
        const std::size_t indent = text.find_first_not_of(' ');
        if (margin == std::string::npos) margin = indent;
        if (indent == margin) {
            lines.push_back({.number = number, .text = content, .expected = {}});
        } else {
            lines.back().expected.push_back(content);
        }
    }
    return lines;
}

Words words_of(const std::string& text) {
    std::istringstream stream{text};
    Words words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

Zone zone_of(const std::string& word) {
    if (word == "lan") return test::kLanZone;
    if (word == "wan") return test::kWanZone;
    if (word == "guests") return test::kGuestsZone;
    if (word == "servers") return test::kServersZone;
    if (word == "campus") return test::kCampusZone;
    throw std::invalid_argument{"lan, wan, guests or servers, not " + word};
}

void fill_condition(v1::HeartbeatCondition& condition, const std::string& word) {
    if (word == "green") condition.set_minimum(v1::MINIMUM_GREEN);
    if (word == "yellow") condition.set_minimum(v1::MINIMUM_YELLOW);
    if (word == "heartbeat") condition.set_require_heartbeat(true);
}

// "publish": one service for everybody and one for some, behind a rule that asks for a GREEN server; "publish-no-rule":
// without that rule.
v1::Policy publishing(bool with_rule) {
    v1::Policy policy;
    policy.set_revision(1);
    for (const std::uint32_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
        v1::PublishedService& service = *policy.add_publish();
        service.set_protocol(protocol);
        service.set_port(protocol == IPPROTO_TCP ? 443 : 500);
        service.set_to("10.0.0.11");
        service.set_to_port(protocol == IPPROTO_TCP ? 8443 : 500);
        if (protocol == IPPROTO_UDP) service.add_sources("203.0.113.0/24");
    }
    for (const char* from : {"wan", "lan"}) {
        if (!with_rule && from[0] == 'w') continue;
        v1::Rule& rule = *policy.add_rules();
        rule.set_id(static_cast<std::uint32_t>(policy.rules_size()));
        rule.set_name(from);
        rule.set_from_zone(from);
        rule.set_action(v1::ACCEPT);
        if (from[0] == 'w') {
            rule.set_to_zone("lan");
            rule.mutable_destination()->set_minimum(v1::MINIMUM_GREEN);
        }
    }
    return policy;
}

v1::Policy policy_of(std::string word) {
    if (word == "publish") return publishing(true);
    if (word == "publish-no-rule") return publishing(false);
    v1::Policy policy;
    policy.set_revision(1);
    v1::AllowedDestination& mirror = *policy.add_allowed();
    mirror.set_network("203.0.113.99/32");
    if (word == "nothing") return policy;
    v1::Rule& rule = *policy.add_rules();
    rule.set_id(1);
    rule.set_name("internet");
    rule.set_from_zone(word == "wan-open" ? "wan" : "lan");
    if (word.rfind("from-any", 0) == 0 || word == "to-servers") rule.clear_from_zone();
    if (word == "from-any-heartbeat") word = "heartbeat";
    if (word == "from-guests") rule.set_from_zone("guests");
    if (word == "to-servers") rule.set_to_zone("servers");
    rule.set_action(word == "drop" ? v1::DROP : word == "reject" ? v1::REJECT : v1::ACCEPT);
    constexpr std::string_view kOtherwise = "-else-reject";
    if (const std::size_t at = word.find(kOtherwise); at != std::string::npos) {
        rule.set_otherwise(v1::REJECT);
        word.erase(at);
    }
    if (word.rfind("destination-", 0) == 0) {
        fill_condition(*rule.mutable_destination(), word.substr(12));
    } else {
        fill_condition(*rule.mutable_source(), word);
    }
    return policy;
}

class Run {
public:
    explicit Run(const Golden& golden) : world_{golden.options} {
        world_.load_policy(policy_of("any"));
        world_.gate->set_ready(true);
    }

    std::vector<std::string> step(const std::string& text) {
        Words words = words_of(text);
        const std::string verb = words.front();
        words.erase(words.begin());
        if (verb == "lan" || verb == "wan") return arrive(zone_of(verb), text.substr(4));
        if (verb == "linux") return linux_sends(words);
        if (verb == "loop") return loop(words.empty() ? 1 : std::stoul(words.front()));
        change(verb, words);
        return {};
    }

private:
    [[nodiscard]] std::uint16_t port(const std::string& word) const {
        if (word == "nat") return world_.nat_port;
        if (word == "nat+1") return static_cast<std::uint16_t>(world_.nat_port + 1);
        return static_cast<std::uint16_t>(std::stoul(word));
    }
    [[nodiscard]] const MacAddress& mac(const std::string& name) const {
        const auto found = world_.machines.find(name);
        if (found == world_.machines.end()) throw std::invalid_argument{"no machine " + name};
        return found->second;
    }
    [[nodiscard]] Bytes frame(const MacAddress& to, const MacAddress& from, const Words& words) const {
        return build_frame(to, from, words, [this](const std::string& word) { return port(word); });
    }

    std::vector<std::string> arrive(Zone zone, const std::string& text) {
        std::vector<Bytes> frames;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = std::min(text.find(" + ", at), text.size());
            Words words = words_of(text.substr(at, end - at));
            at = end + 3;
            MacAddress to = mac(zone.is_inside() ? "gateway-lan" : "gateway-wan");
            if (words.front() == "to") {
                to = mac(words.at(1));
                words.erase(words.begin(), words.begin() + 2);
            }
            const MacAddress from = mac(words.front());
            words.erase(words.begin());
            frames.push_back(frame(to, from, words));
        }
        return world_.receive(zone, frames);
    }

    std::vector<std::string> loop(unsigned long times) {
        std::vector<std::string> lines;
        for (; times > 0; --times) {
            const std::vector<std::string> more = world_.loop();
            lines.insert(lines.end(), more.begin(), more.end());
        }
        return lines;
    }

    std::vector<std::string> linux_sends(Words words) {
        const Zone zone = zone_of(words.at(0));
        const MacAddress to = mac(words.at(1));
        words.erase(words.begin(), words.begin() + 2);
        return world_.linux_sends(zone, frame(to, mac(zone.is_inside() ? "gateway-lan" : "gateway-wan"), words));
    }

    // The control side waits for workers in some of these; the one under test is at rest.
    void change(const std::string& verb, const Words& words) {
        if (set_state(verb, words)) return;
        world_.quiescence->offline(0);
        static const std::map<std::string, void (Run::*)(const Words&)> kVerbs{{"wait", &Run::wait},
                                                                               {"policy", &Run::policy},
                                                                               {"bind", &Run::bind},
                                                                               {"unbind", &Run::unbind},
                                                                               {"resolve", &Run::resolve},
                                                                               {"forget", &Run::forget},
                                                                               {"not-ready", &Run::not_ready},
                                                                               {"no-wan-address", &Run::no_wan},
                                                                               {"route", &Run::route},
                                                                               {"unroute", &Run::unroute},
                                                                               {"mtu", &Run::mtu},
                                                                               {"kernel-full", &Run::kernel_full}};
        const auto found = kVerbs.find(verb);
        if (found == kVerbs.end()) throw std::invalid_argument{"unknown verb " + verb};
        (this->*found->second)(words);
        world_.quiescence->online(0);
    }

    static std::uint32_t endpoint(const std::string& name) {
        if (name == "pc") return kPc;
        if (name == "other") return kOther;
        throw std::invalid_argument{name + " is no endpoint"};
    }

    bool set_state(const std::string& verb, const Words& words) {
        static const std::map<std::string, EndpointState> kStates{
            {"green", {.colour = Colour::kGreen, .presence = Presence::kConnected}},
            {"yellow", {.colour = Colour::kYellow, .presence = Presence::kConnected}},
            {"red", {.colour = Colour::kRed, .presence = Presence::kConnected}},
            {"missing", {.colour = Colour::kGreen, .presence = Presence::kMissing}},
            {"asleep", {.colour = Colour::kGreen, .presence = Presence::kAsleep}},
            {"asleep-yellow", {.colour = Colour::kYellow, .presence = Presence::kAsleep}},
            {"never", {}},
            {"isolate", {.colour = Colour::kRed, .presence = Presence::kConnected, .isolated = true}},
            {"permit", {.colour = Colour::kRed, .presence = Presence::kConnected, .permitted = true}}};
        const auto found = kStates.find(verb);
        if (found == kStates.end()) return false;
        world_.set_state(endpoint(words.at(0)), found->second);
        return true;
    }

    void wait(const Words& words) { world_.now_ms += static_cast<std::uint32_t>(std::stoul(words.at(0))); }
    void policy(const Words& words) {
        if (words.at(0) == "none") {
            delete world_.gate->swap(nullptr);
        } else {
            world_.load_policy(policy_of(words.at(0)));
        }
    }
    void bind(const Words& words) { world_.bind(endpoint(words.at(0)), mac(words.at(1)), ip(words.at(2))); }
    void unbind(const Words& words) {
        world_.endpoints->touch(world_.bindings->unbind(mac(words.at(0)), ip(words.at(1))));
    }
    void resolve(const Words& words) {
        const Zone zone = words.at(1) == "router" ? test::kWanZone : test::kLanZone;
        world_.routes->set_neighbour({.address = ip(words.at(0)), .zone = zone, .mac = mac(words.at(1))});
    }
    void forget(const Words& words) {
        for (const Zone zone : {test::kLanZone, test::kWanZone}) world_.routes->remove_neighbour(zone, ip(words.at(0)));
    }
    void not_ready(const Words& /*words*/) { world_.gate->set_ready(false); }
    void no_wan(const Words& /*words*/) { world_.flows->set_wan_addresses({}); }
    void route(const Words& words) {
        const auto prefix = parse_prefix(words.at(0)).value();
        Route made;
        made.network = prefix.address;
        made.prefix = prefix.length;
        made.zone = zone_of(words.at(1));
        if (words.size() > 2) made.gateway = ip(words[2]);
        world_.route_list.push_back(made);
        world_.routes->replace_routes(world_.route_list);
    }
    void unroute(const Words& words) {
        const auto prefix = parse_prefix(words.at(0)).value();
        std::erase_if(world_.route_list, [&prefix](const Route& route) {
            return route.network == prefix.address && route.prefix == prefix.length;
        });
        world_.routes->replace_routes(world_.route_list);
    }
    void mtu(const Words& words) {
        const Zone zone = zone_of(words.at(0));
        world_.routes->set_link(zone, {.mac = mac(zone.is_inside() ? "gateway-lan" : "gateway-wan"),
                                       .mtu = static_cast<std::uint16_t>(std::stoul(words.at(1))),
                                       .port = static_cast<std::uint8_t>(zone.is_inside() ? 0 : 1)});
    }
    void kernel_full(const Words& /*words*/) { world_.kernel.full = true; }

    World world_;
};

}  // namespace

std::vector<Golden>& goldens() {
    static std::vector<Golden> all;
    return all;
}

std::set<std::string> run(const Golden& golden) {
    std::set<std::string> reasons;
    Run run{golden};
    for (const Line& line : lines_of(golden.script)) {
        INFO(golden.name << ", line " << line.number << ": " << line.text);
        const std::vector<std::string> happened = run.step(line.text);
        CHECK(happened == line.expected);
        for (const std::string& what : happened) {
            if (what.rfind("drop ", 0) == 0) reasons.insert(what.substr(5));
        }
    }
    return reasons;
}

}  // namespace heartgate::dataplane::test
