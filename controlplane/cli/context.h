// SPDX-License-Identifier: Apache-2.0
// What every command of hgctl needs: where heartgated is, how to print, and how a failed call becomes a message and an
// exit code.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

namespace heartgate::control::cli {

// Documented in --help.
enum ExitCode : int {
    kOk = 0,
    kFailed = 1,
    kUsage = 2,
    kUnreachable = 3,  // heartgated, or the dataplane where one is needed
    kNotFound = 4,
    kInvalid = 5,     // the gateway refused what was given: a policy that does not validate, a reason too long
    kNotApplied = 6,  // accepted and stored, but no dataplane has applied it yet
};

struct Context {
    std::string socket = "/run/heartgate/hgctl.sock";
    bool json = false;
    bool colours = false;  // of the standard output
    std::ostream& out;     // the answer
    std::ostream& err;     // everything else

    std::function<int()> command;  // set by the parser, run by the caller

    [[nodiscard]] std::shared_ptr<grpc::Channel> channel() const;

    // The proto3 JSON of a reply: field names as in the .proto files, all fields present. `line`: on one line.
    void print_json(const google::protobuf::Message& reply, bool line = false) const;

    // Says what is wrong and what to do next, and gives the exit code. `what` names the command's object.
    int fail(const grpc::Status& status, const std::string& what) const;
};

// Makes the call with a deadline of ten seconds; prints the reply as JSON if asked to, by `print` otherwise.
template <typename Stub, typename Request, typename Reply, typename Print>
int call(const Context& context, const std::string& what,
         grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*), Stub& stub, const Request& request,
         Print&& print) {
    grpc::ClientContext client;
    client.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    Reply reply;
    const grpc::Status status = (stub.*method)(&client, request, &reply);
    if (!status.ok()) return context.fail(status, what);
    if (context.json) context.print_json(reply);
    return print(reply);
}

}  // namespace heartgate::control::cli
