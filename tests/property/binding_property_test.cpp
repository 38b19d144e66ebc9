// SPDX-License-Identifier: Apache-2.0
// The binding table against two plain maps, with every answer it gives: who is behind a frame, who lost what, and whose
// flows have to be decided anew.
#include <map>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "dataplane/endpoint/binding_table.h"
#include "dataplane/packet/address_text.h"
#include "tests/packet/verdict/eal.h"
#include "tests/property/steps.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
using heartgate::contract::DropReason;

namespace {

constexpr std::uint32_t kEndpoints = 5;  // 1 to 4, and 0, which nobody may bind
constexpr unsigned kMacs = 4;            // 0: none, the address alone (a routed zone)
constexpr unsigned kAddresses = 5;

MacAddress mac_of(unsigned number) {
    return number == 0 ? MacAddress{} : MacAddress{2, 0, 0, 0, 0, static_cast<std::uint8_t>(number)};
}
IpAddress address_of(unsigned number) {
    IpAddress address = parse_ip(number % 2 == 0 ? "10.0.0.0" : "2001:db8::").value();
    address.bytes[15] = static_cast<std::uint8_t>(number);
    return address;
}

struct Step {
    enum class Do : std::uint8_t { kBind, kUnbind, kRemove, kSweep } what = Do::kBind;
    std::uint32_t endpoint = 0;
    unsigned mac = 0;
    unsigned address = 0;
    std::uint32_t incarnation = 1;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
    static const char* const kNames[]{"bind", "unbind", "remove", "sweep"};
    return out << kNames[static_cast<std::size_t>(step.what)] << " endpoint " << step.endpoint << " mac " << step.mac
               << " address " << step.address << " incarnation " << step.incarnation;
}

rc::Gen<Step> any_step() {
    using Do = Step::Do;
    return rc::gen::build<Step>(
        rc::gen::set(&Step::what, rc::gen::weightedElement<Do>(
                                      {{10, Do::kBind}, {3, Do::kUnbind}, {1, Do::kRemove}, {1, Do::kSweep}})),
        rc::gen::set(&Step::endpoint, below(kEndpoints)), rc::gen::set(&Step::mac, below(kMacs)),
        rc::gen::set(&Step::address, below(kAddresses)), rc::gen::set(&Step::incarnation, rc::gen::inRange(1U, 3U)));
}

struct Bound {
    std::uint32_t endpoint;
    unsigned mac;
    std::uint32_t incarnation;
};

class Model {
public:
    void run(const Step& step) {
        switch (step.what) {
            case Step::Do::kBind:
                bind(step);
                break;
            case Step::Do::kUnbind: {
                const auto bound = by_address_.find(step.address);
                const bool right = bound != by_address_.end() && bound->second.mac == step.mac;
                RC_ASSERT(table_.unbind(mac_of(step.mac), address_of(step.address)) ==
                          (right ? bound->second.endpoint : 0U));
                if (right) by_address_.erase(bound);
                break;
            }
            case Step::Do::kRemove:
                table_.remove(step.endpoint);
                std::erase_if(by_address_, [&](const auto& entry) { return entry.second.endpoint == step.endpoint; });
                break;
            case Step::Do::kSweep:
                sweep(step.incarnation);
                break;
        }
        agree();
    }

private:
    // A MAC is bound while an address refers to it.
    [[nodiscard]] std::uint32_t owner_of_mac(unsigned mac) const {
        for (const auto& [address, bound] : by_address_) {
            if (mac != 0 && bound.mac == mac) return bound.endpoint;
        }
        return 0;
    }

    void bind(const Step& step) {
        const auto made = table_.bind(step.endpoint, mac_of(step.mac), address_of(step.address), step.incarnation);
        RC_ASSERT(made.stored == (step.endpoint != 0));
        if (step.endpoint == 0) return;

        const std::uint32_t owner = owner_of_mac(step.mac);
        const bool mac_moves = owner != 0 && owner != step.endpoint;
        RC_ASSERT(made.previous_of_mac == (mac_moves ? owner : 0U));
        if (mac_moves) {
            std::erase_if(by_address_, [&](const auto& entry) {
                return entry.second.endpoint == owner && entry.second.mac == step.mac;
            });
        }
        const auto before = by_address_.find(step.address);
        const bool had = before != by_address_.end();
        RC_ASSERT(made.previous == (had && before->second.endpoint != step.endpoint ? before->second.endpoint : 0U));
        const bool same = had && before->second.endpoint == step.endpoint && before->second.mac == step.mac;
        RC_ASSERT(made.changed == !same);
        by_address_.insert_or_assign(step.address, Bound{step.endpoint, step.mac, step.incarnation});
    }

    void sweep(std::uint32_t incarnation) {
        std::vector<heartgate::contract::EndpointWord> before;
        for (std::uint32_t endpoint = 0; endpoint < kEndpoints; ++endpoint) before.push_back(endpoints_.word(endpoint));
        std::vector<bool> lost(kEndpoints);
        std::erase_if(by_address_, [&](const auto& entry) {
            if (entry.second.incarnation == incarnation) return false;
            lost[entry.second.endpoint] = true;
            return true;
        });
        table_.begin_sweep();
        while (!table_.sweep(incarnation, 7, endpoints_)) {
        }
        for (std::uint32_t endpoint = 0; endpoint < kEndpoints; ++endpoint) {
            RC_ASSERT((endpoints_.word(endpoint) != before[endpoint]) == lost[endpoint]);
        }
    }

    void agree() const {
        RC_ASSERT(std::size_t{table_.size()} == by_address_.size());
        for (unsigned mac = 1; mac < kMacs; ++mac) {
            RC_ASSERT(table_.destination(mac_of(mac)) == owner_of_mac(mac));
        }
        for (unsigned address = 0; address < kAddresses; ++address) {
            const auto bound = by_address_.find(address);
            RC_ASSERT(table_.destination(address_of(address)) ==
                      (bound == by_address_.end() ? 0U : bound->second.endpoint));
            for (unsigned mac = 1; mac < kMacs; ++mac) check_source(mac, address);
        }
    }
    void check_source(unsigned mac, unsigned address) const {
        const BindingTable::Source source = table_.source(mac_of(mac), address_of(address));
        const std::uint32_t of_mac = owner_of_mac(mac);
        const auto bound = by_address_.find(address);
        if (bound == by_address_.end()) {  // a new address inherits what its MAC is
            RC_ASSERT(source.reason == DropReason::kNone);
            RC_ASSERT(source.endpoint == of_mac);
            return;
        }
        const bool right =
            bound->second.mac == 0 ? of_mac == 0 || of_mac == bound->second.endpoint : bound->second.mac == mac;
        RC_ASSERT(source.reason == (right ? DropReason::kNone : DropReason::kSpoofedAddress));
        if (right) RC_ASSERT(source.endpoint == bound->second.endpoint);
    }

    Quiescence quiescence_ = [] {
        start_eal();
        return Quiescence{1};
    }();
    EndpointTable endpoints_{16};
    BindingTable table_{16, quiescence_};
    std::map<unsigned, Bound> by_address_;
};

}  // namespace

TEST_CASE("the binding table does what plain maps would") {
    rc::prop("bindings come, move and go in any order", [] {
        Model model;
        for (const Step& step : *rc::gen::container<std::vector<Step>>(any_step())) model.run(step);
    });
}
