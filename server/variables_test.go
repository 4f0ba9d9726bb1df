package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVariables(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, test := range map[string]struct {
		definition, argument string
		variables            string
		want                 string // the arguments or, with a $, what is wrong
	}{
		"object": {
			"$v:EchoInput!", "input:$v",
			`{"v":{"text":"a","int":-5,"float":1.5,"flag":true,"id":"x","color":"RED","any":{"b":[1]},"next":{"id":7}}}`,
			`{"input":{"any":{"b":[1]},"color":"RED","flag":true,"float":1.5,"id":"x","int":-5,"next":{"id":7},"text":"a"}}`,
		},
		"nulls": {
			"$v:EchoInput", "input:$v", `{"v":{"text":null,"next":null,"tags":null}}`,
			`{"input":{"next":null,"tags":null,"text":null}}`,
		},
		"null":              {"$v:EchoInput", "input:$v", `{"v":null}`, `{"input":null}`},
		"nothing":           {"$v:EchoInput", "input:$v", `{}`, `{}`},
		"one too many":      {"$v:EchoInput", "input:$v", `{"w":1}`, `{}`},
		"default":           {"$v:[Int!]=[1,2]", "list:$v", `{}`, `{"list":[1,2]}`},
		"instead":           {"$v:[Int!]=[1,2]", "list:$v", `{"v":[3]}`, `{"list":[3]}`},
		"no default either": {"$v:[Int!]=[1,2]", "list:$v", `{"v":null}`, `{"list":null}`},
		"empty list":        {"$v:[Int!]", "list:$v", `{"v":[]}`, `{"list":[]}`},
		"list of one":       {"$v:[Int!]", "list:$v", `{"v":3}`, `{"list":[3]}`},
		"grid of one":       {"$v:[[Int]!]", "grid:$v", `{"v":3}`, `{"grid":[[3]]}`},
		"grid of rows":      {"$v:[[Int]!]", "grid:$v", `{"v":[1,[2,null]]}`, `{"grid":[[1],[2,null]]}`},
		"lists within": {
			"$v:EchoInput", "input:$v", `{"v":{"tags":"a","nexts":{"grid":[1,[2]]}}}`,
			`{"input":{"nexts":[{"grid":[[1],[2]]}],"tags":["a"]}}`,
		},
		"least": {"$v:Int", "bare:$v", `{"v":-2147483648}`, `{"bare":-2147483648}`},

		"missing":         {"$v:EchoInput!", "input:$v", `{}`, "$v: must be given"},
		"null for that":   {"$v:EchoInput!", "input:$v", `{"v":null}`, "$v: must not be null"},
		"null within":     {"$v:EchoInput", "input:$v", `{"v":{"need":null}}`, "$v.need: must not be null"},
		"null in list":    {"$v:[Int!]", "list:$v", `{"v":[1,null]}`, "$v[1]: must not be null"},
		"null in row":     {"$v:[[Int]!]", "grid:$v", `{"v":[[1],null]}`, "$v[1]: must not be null"},
		"text for number": {"$v:[Int!]", "list:$v", `{"v":[1,"2"]}`, "$v[1]: expected Int"},
		"fraction":        {"$v:Int", "bare:$v", `{"v":1.5}`, "$v: expected Int"},
		"large":           {"$v:Int", "bare:$v", `{"v":2147483648}`, "$v: expected Int"},
		"huge":            {"$v:Int", "bare:$v", `{"v":1e400}`, "$v: expected Int"},
		"boolean":         {"$v:Int", "bare:$v", `{"v":true}`, "$v: expected Int"},
		"no object":       {"$v:EchoInput", "input:$v", `{"v":"secret"}`, "$v: expected an object of EchoInput"},
		"list of objects": {"$v:EchoInput", "input:$v", `{"v":[{}]}`, "$v: expected an object of EchoInput"},
		"unknown field":   {"$v:EchoInput", "input:$v", `{"v":{"secret":1}}`, "$v: has a field that EchoInput doesn't have"},
		"number for text": {"$v:EchoInput", "input:$v", `{"v":{"text":5}}`, "$v.text: expected String"},
		"text for flag":   {"$v:EchoInput", "input:$v", `{"v":{"flag":"true"}}`, "$v.flag: expected Boolean"},
		"text for float":  {"$v:EchoInput", "input:$v", `{"v":{"float":"1.5"}}`, "$v.float: expected Float"},
		"infinite":        {"$v:EchoInput", "input:$v", `{"v":{"float":1e999}}`, "$v.float: expected Float"},
		"fraction for id": {"$v:EchoInput", "input:$v", `{"v":{"id":1.5}}`, "$v.id: expected ID"},
		"wrong case":      {"$v:EchoInput", "input:$v", `{"v":{"color":"red"}}`, "$v.color: expected a value of Color"},
		"no enumeration":  {"$v:EchoInput", "input:$v", `{"v":{"color":1}}`, "$v.color: expected a value of Color"},
		"deep inside": {
			"$v:EchoInput", "input:$v", `{"v":{"nexts":[{},{"next":{"tags":["a",5]}}]}}`,
			"$v.nexts[1].next.tags[1]: expected String",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"query":"query(%s){echo(%s)}","variables":%s}`, test.definition, test.argument, test.variables)
			got := s.ask(t, http.MethodPost, "/graphql", body, "Content-Type", plainJSON)
			if strings.HasPrefix(test.want, "$") {
				if got.code() != "BAD_USER_INPUT" || got.Errors[0].Message != test.want {
					t.Errorf("got %s, want %s", got.text, test.want)
				}
				return
			}
			want := test.want
			if !strings.HasPrefix(test.argument, "bare") {
				want = strings.Replace(strings.Replace(want, "{", `{"bare":7,`, 1), ",}", "}", 1)
			}
			if diff := cmp.Diff(`{"data":{"echo":`+want+`}}`, got.text); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
