// SPDX-License-Identifier: Apache-2.0
// What is asked about flows, answered on the control thread. Filters run here, so that a million flows do not cross the
// socket.
#pragma once

#include <string>

namespace heartgate::v1 {
class CountFlowsRequest;
class CountFlowsResponse;
class GetFlowReply;
class GetFlowRequest;
class ListFlowsRequest;
class ListFlowsResponse;
}  // namespace heartgate::v1

namespace heartgate::dataplane {

class FlowTable;
class ZoneTable;

class FlowQueries {
public:
    // `reader`: a number of Quiescence that no worker has.
    FlowQueries(const FlowTable& flows, const ZoneTable& zones, unsigned reader)
        : flows_{flows}, zones_{zones}, reader_{reader} {}

    // Empty, or a sentence with what is wrong about the request.
    [[nodiscard]] std::string list(const v1::ListFlowsRequest& request, v1::ListFlowsResponse& reply) const;
    [[nodiscard]] std::string get(const v1::GetFlowRequest& request, v1::GetFlowReply& reply) const;
    [[nodiscard]] std::string count(const v1::CountFlowsRequest& request, v1::CountFlowsResponse& reply) const;

private:
    const FlowTable& flows_;
    const ZoneTable& zones_;
    const unsigned reader_;
};

}  // namespace heartgate::dataplane
