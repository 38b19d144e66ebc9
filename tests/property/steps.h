// SPDX-License-Identifier: Apache-2.0
// How a property over a sequence of random steps is written: rapidcheck makes the steps, a failing sequence is made
// shorter until nothing of it can be left out, and what remains is printed. A plain run uses one seed, so that it says
// the same of the same code every time; RC_PARAMS="max_success=1000" in the environment takes another seed each time
// (scripts/test --long), which stands in the first line of the output, RC_PARAMS="seed=N max_success=1000" repeats it,
// and RC_PARAMS="reproduce=…" the failing case that is printed last.
#pragma once

#include <rapidcheck.h>
#include <rapidcheck/catch.h>

#include <cstdint>
#include <cstdlib>

namespace heartgate::dataplane::test {

// rapidcheck reads its settings from the environment once, at the first property.
inline const int kDefaultsAreSet = setenv("RC_PARAMS", "max_success=1000 seed=1", 0);

// A number from 0 to `end` - 1.
template <class Number = std::uint32_t>
rc::Gen<Number> below(Number end) {
    return rc::gen::inRange<Number>(0, end);
}

// Any bits, where rapidcheck's own numbers begin small.
template <class Number>
rc::Gen<Number> any_bits() {
    return rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<Number>()));
}

}  // namespace heartgate::dataplane::test
